package plan

import (
	"slices"
	"strings"
	"testing"
)

func workloads() []Workload {
	return []Workload{
		{Key: "latency", Peers: []Peer{{Key: "ucx"}, {Key: "pipe"}}},
		{Key: "stream", Peers: []Peer{{Key: "ucx"}, {Key: "redis"}}},
		{Key: "last", Peers: []Peer{{Key: "lmdb"}}},
	}
}

// flat is "workload:peer peer" for each.
func flat(all []Workload) (list []string) {
	for _, w := range all {
		var peers []string
		for _, p := range w.Peers {
			peers = append(peers, p.Key)
		}
		list = append(list, w.Key+":"+strings.Join(peers, " "))
	}
	return list
}

func TestSelect_OnlyAndSkip(t *testing.T) {
	cases := []struct{ only, skip, want []string }{
		{nil, nil, []string{"latency:ucx pipe", "stream:ucx redis", "last:lmdb"}},
		{[]string{"ucx"}, nil, []string{"latency:ucx", "stream:ucx"}},
		{[]string{"stream"}, nil, []string{"stream:ucx redis"}},
		{[]string{"stream", "ucx", "lmdb"}, nil, []string{"stream:ucx"}},
		{nil, []string{"ucx", "last"}, []string{"latency:pipe", "stream:redis"}},
		{nil, []string{"lmdb"}, []string{"latency:ucx pipe", "stream:ucx redis"}},
	}
	for _, c := range cases {
		got, err := Select(workloads(), c.only, c.skip)
		if err != nil || !slices.Equal(flat(got), c.want) {
			t.Errorf("only %q, skip %q: got %q, %v, want %q", c.only, c.skip, flat(got), err, c.want)
		}
	}
}

func TestSelect_UnknownName(t *testing.T) {
	_, err := Select(workloads(), []string{"zmq"}, nil)
	if err == nil || !strings.Contains(err.Error(), "latency, stream, last, ucx, pipe, redis, lmdb") {
		t.Errorf("got %v", err)
	}
	if _, err := Select(workloads(), []string{"stream"}, []string{"ucx", "redis"}); err == nil {
		t.Error("nothing is left, and there is no error")
	}
}

func TestBar_Met(t *testing.T) {
	for _, c := range []struct {
		bar   *Bar
		ratio float64
		met   bool
		text  string
	}{
		{atMost(1.3), 1.3, true, "<= 1.30"}, {atMost(1.3), 1.31, false, "<= 1.30"}, {atLeast(0.65), 0.65, true, ">= 0.65"},
		{atLeast(5), 4.9, false, ">= 5.00"},
	} {
		if c.bar.Met(c.ratio) != c.met || c.bar.String() != c.text {
			t.Errorf("%s with %v: %v", c.bar, c.ratio, c.bar.Met(c.ratio))
		}
	}
}
