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
		bar    *Bar
		regime Regime
		ratio  float64
		met    bool
		text   string
	}{
		{atMost(1.3, 2), Near, 1.3, true, "<= 1.30"}, {atMost(1.3, 2), Near, 1.31, false, "<= 1.30"}, {atMost(1.3, 2), Far, 1.31, true, "<= 2.00"},
		{atLeast(0.65, 1), Near, 0.65, true, ">= 0.65"}, {atLeast(0.65, 5), Far, 4.9, false, ">= 5.00"}, {atMost(35, 0), Near, 36, false, "<= 35"},
	} {
		if !c.bar.In(c.regime) || c.bar.Met(c.regime, c.ratio) != c.met || c.bar.Text(c.regime) != c.text {
			t.Errorf("%+v in %s with %v: %v, %s", c.bar, c.regime, c.ratio, c.bar.Met(c.regime, c.ratio), c.bar.Text(c.regime))
		}
	}
	var none *Bar
	if none.In(Near) || atMost(35, 0).In(Far) || atMost(1, 1).In(Unknown) {
		t.Error("there is a limit where none was set")
	}
}
