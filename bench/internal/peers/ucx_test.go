package peers

import (
	"maps"
	"testing"

	"github.com/shmbus/shmbus/bench/internal/figures"
)

const ucxHeading = `+--------------+--------------+------------------------------+---------------------+-----------------------+
|              |              |       overhead (usec)        |   bandwidth (MB/s)  |  message rate (msg/s) |
+--------------+--------------+----------+---------+---------+----------+----------+-----------+-----------+
|     Test     | # iterations | 50.0%ile | average | overall |  average |  overall |  average  |  overall  |
+--------------+--------------+----------+---------+---------+----------+----------+-----------+-----------+
`

func TestParseUCX_Output(t *testing.T) {
	cases := []struct {
		line string
		test UCX
		want figures.Figures
	}{
		{"                      500000      0.496     0.523     0.523      116.64     116.64     1910987     1910987\n", UCX{Name: "tag_lat"},
			figures.Figures{figures.P50: 496, figures.Total: 496}},
		{"                      500000      0.496     0.523     0.523      116.64     116.64     1910987     1910987\n", UCX{Name: "ucp_am_lat", Trip: true},
			figures.Figures{figures.P50: 992, figures.Total: 992}},
		{"                        2000      0.131    91.561    91.561    10921.63   10921.63       10922       10922\n", UCX{Name: "tag_bw"},
			figures.Figures{figures.Msgs: 10922, figures.Bytes: 10921.63 * 1048576}},
	}
	for _, c := range cases {
		if got, err := c.test.parse([]byte(ucxHeading + c.line)); err != nil || !maps.Equal(got, c.want) {
			t.Errorf("%q: got %v, %v, want %v", c.line, got, err, c.want)
		}
	}
}

func TestParseUCX_OtherOutput(t *testing.T) {
	for _, out := range []string{"", ucxHeading, "1 2 3 4 5 6 7 x\n", "Waiting for connection...\n"} {
		if got, err := (UCX{Name: "tag_lat"}).parse([]byte(out)); err == nil {
			t.Errorf("%q: got %v and no error", out, got)
		}
	}
}
