package peers

import (
	"maps"
	"testing"

	"github.com/shmbus/shmbus/bench/internal/figures"
)

func TestParsePing_Output(t *testing.T) {
	out := `[31769] participant vm:31769: new (self)
[31769] participant vm:31770: new
[31769] 1.000  vm:31770 size 64 mean 29.065us min 9.592us 50% 20.073us 90% 54.675us 99% 79.648us max 217.642us cnt 1986
[31769] 1.000  rss:7.2MB vcsw:4033 ivcsw:453 ddsperf:0%+10% recvUC:3%+0%
[31769] 2.000  vm:31770 size 64 mean 25.991us min 9.709us 50% 19.110us 90% 45.465us 99% 89.921us max 523.587us cnt 1998
[31769] 3.000  vm:31770 size 64 mean 30.706us min 9.570us 50% 19.998us 90% 58.929us 99% 90.453us max 751.051us cnt 1996
`
	got, err := parsePing([]byte(out))
	if want := (figures.Figures{figures.P50: 19998, figures.P99: 89921}); err != nil || !maps.Equal(got, want) {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
}

func TestParseSub_Output(t *testing.T) {
	out := `[30790] participant vm:30790: new (self)
[30790] 1.002  size 64 total 846007 lost 0 delta 846007 lost 0 rate 844.12 kS/s 432.19 Mb/s (84.41 kS/s 43.22 Mb/s)
[30790] 1.002  rss:7.4MB vcsw:3219 ivcsw:605 tev:0%+1% recvUC:61%+2%
[30790] 2.000  size 64 total 1784611 lost 0 delta 938604 lost 0 rate 940.63 kS/s 481.60 Mb/s (178.85 kS/s 91.57 Mb/s)
[30790] participant vm:30789: gone
[30790] 3.000  size 64 total 1787856 lost 0 delta 3245 lost 0 rate 3.25 kS/s 1.66 Mb/s (353.04 kS/s 180.76 Mb/s)
`
	got, err := parseSub([]byte(out))
	want := figures.Figures{figures.Msgs: 892375, figures.Bytes: 892375 * 64}
	if err != nil || !maps.Equal(got, want) {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
}

func TestParsePing_OtherOutput(t *testing.T) {
	const lost = " 1.0  size 64 total 9 lost 2 delta 9 lost 2 rate 9.00 kS/s 1.00 Mb/s (1.00 kS/s 1.00 Mb/s)\n"
	if got, err := parseSub([]byte(lost)); err == nil {
		t.Errorf("with lost samples: got %v and no error", got)
	}
	for _, out := range []string{"", "[1] participant vm:1: new (self)\n"} {
		if got, err := parsePing([]byte(out)); err == nil {
			t.Errorf("%q: got %v and no error", out, got)
		}
		if got, err := parseSub([]byte(out)); err == nil {
			t.Errorf("%q: got %v and no error", out, got)
		}
	}
}
