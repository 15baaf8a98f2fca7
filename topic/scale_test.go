//go:build linux

package topic

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"
)

// bytesRead returns how many bytes the process read while fn ran, as the kernel counts them.
func bytesRead(t *testing.T, fn func()) (size int) {
	t.Helper()
	count := func() (n int) {
		b, err := os.ReadFile("/proc/self/io")
		if err != nil {
			if os.Getenv("CI") != "" {
				t.Fatal(err)
			}
			t.Skip("this kernel does not count reads: it needs CONFIG_TASK_IO_ACCOUNTING")
		}
		for lines := bufio.NewScanner(bytes.NewReader(b)); lines.Scan(); {
			if v, ok := strings.CutPrefix(lines.Text(), "rchar: "); ok {
				fmt.Sscan(v, &n)
			}
		}
		return n
	}
	before := count()
	fn()
	return count() - before
}

// What a topic costs beside a subscriber of all topics does not depend on how many there are: a hundred more take about as much
// reading beside 1500 as beside none. A look at all records, or all links, would be 25 times that.
func TestParticipant_TopicsBesideWildcard(t *testing.T) {
	o := domain(t)
	a, b := join(t, o), join(t, o)
	all := subscriber[[]byte](t, b, "**", nil)
	made := 0
	add := func(n int) func() {
		return func() {
			for range n {
				publisher[[]byte](t, a, fmt.Sprintf("topic/%d", made), nil)
				made++
			}
		}
	}
	first := bytesRead(t, add(100))
	add(1400)()
	last := bytesRead(t, add(100))
	if last > 2*first {
		t.Errorf("the first 100 topics took %d bytes of reading, the last 100 of %d took %d", first, made, last)
	}
	t.Logf("%d and %d bytes", first, last)
	if n := all.Publishers(); n != made {
		t.Errorf("%d of %d publishers are connected", n, made)
	}
}
