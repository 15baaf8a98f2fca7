//go:build linux

package integration

import (
	"math/rand/v2"
	"testing"
	"time"
)

// endpointChurnRole joins, makes, uses and closes ends, and leaves, without end.
func endpointChurnRole([]string) error {
	o := newAgent()
	if err := report("ready"); err != nil {
		return err
	}
	for {
		for _, command := range [][]string{
			{"join"}, {"sub", "s", "**"}, {"pub", "p", "t"}, {"send", "p", "3", "100"}, {"sub", "u", "t", "lossless"},
			{"close", "s"}, {"pubs", "many", "3"}, {"sendall", "many", "3"}, {"close", "p"}, {"leave"},
		} {
			if err := o.execute(command, new(agentReply)); err != nil {
				return err
			}
		}
		clear(o.subs)
		clear(o.pubs)
	}
}

func TestAKillWhileMakingAndClosingDisturbsNobody(t *testing.T) {
	killWhileMaking(t, 15)
}

func killWhileMaking(t *testing.T, times int) {
	dir := newDomain(t)
	sub, pub := startAgent(t, dir), startAgent(t, dir)
	sub.do("sub s stable lossless")
	pub.do("pub p stable")
	was := 0
	for i := range times {
		victims := []*child{start(t, dir, "endpoint-churn").ready(), start(t, dir, "endpoint-churn").ready()}
		time.Sleep(time.Duration(rand.Int64N(int64(15 * time.Millisecond))))
		for _, v := range victims {
			v.kill()
		}
		sub.send("take s 20")
		pub.do("send p 20 64")
		var got agentReply
		if sub.expect(&got); got.Err != "" || got.Lost != 0 {
			t.Fatalf("round %d: %+v", i, got)
		}
		if i == 2 {
			was = pub.do("figures").FDs
		}
	}
	now := pub.do("figures")
	for begin := time.Now(); now.FDs > was+8 && time.Since(begin) < waitLimit/4; { // it hears of the last deaths in its own time
		now = pub.do("figures")
	}
	if now.FDs > was+8 {
		t.Errorf("%d descriptors, before it were %d", now.FDs, was)
	}
	pub.finish()
	sub.finish()
}
