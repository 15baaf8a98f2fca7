package peers

import (
	"maps"
	"strings"
	"testing"

	"github.com/shmbus/shmbus/bench/internal/figures"
)

const oneThreadOutput = `goos: linux
BenchmarkOneThread/Publish/subscribers=0         	 1512086	        78.91 ns/op
BenchmarkOneThread/Publish/subscribers=1         	 1498112	        80.10 ns/op
BenchmarkOneThread/TryReceive/empty              	 3780000	        31.5 ns/op
BenchmarkOneThread/Publish+TryReceive+Release    	  800000	       150 ns/op
BenchmarkOneThread/Latest/unchanged              	 2500000	        47.2 ns/op
PASS
`

func TestParseOneThread_Output(t *testing.T) {
	got, err := parseOneThread([]byte(oneThreadOutput))
	want := figures.Figures{figures.OnePublish: 78.91, figures.OneEmpty: 31.5, figures.OnePair: 150, figures.OneLatest: 47.2}
	if err != nil || !maps.Equal(got, want) {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
	if got, err := parseOneThread([]byte(strings.Replace(oneThreadOutput, "empty", "full", 1))); err == nil {
		t.Errorf("without a figure: got %v and no error", got)
	}
}
