//go:build linux

package limits

import (
	"fmt"
	"os"
	"testing"

	"github.com/shmbus/shmbus/integration/internal/agent"
	"github.com/shmbus/shmbus/integration/internal/harness"
	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/shmtransport"
	"github.com/shmbus/shmbus/topic"
)

func TestParticipants_TooManyAreRefused(t *testing.T) {
	dir := harness.NewDomain(t)
	one := agent.Start(t, dir)
	one.Advertise("p", "t")
	var forged []*harness.Forged
	for range registry.MaxParticipants - 1 {
		forged = append(forged, harness.Forge(t, dir, os.Getpid(), nil))
	}
	joiner := agent.New(t, dir)
	for range 3 {
		agent.MustLack(joiner, harness.Places, 0, agent.Join{})
	}
	if n := harness.CountFiles(t, dir); n != registry.MaxParticipants+3 { // the registry, a publisher and its wake file
		t.Errorf("%d files", n)
	}
	one.Send("p", 3, 50)
	one.Subscribe("s", "t")
	one.Send("p", 3, 50)
	one.Take("s", 3)
	forged[0].End()
	joiner.Join()
	joiner.Subscribe("s", "t")
	one.WaitPeers("p", 2)
	one.Send("p", 3, 50)
	joiner.Take("s", 3)
	for _, f := range forged {
		f.End()
	}
	joiner.Finish()
	one.Finish()
}

func TestReaders_PlacesOfTheKilledAreFree(t *testing.T) {
	dir := harness.NewDomain(t)
	pub, many, more, one := agent.Start(t, dir), agent.Start(t, dir), agent.Start(t, dir), agent.Start(t, dir)
	pub.Advertise("p", "t")
	for i := range shmtransport.MaxReaders / 2 {
		many.Subscribe(fmt.Sprintf("s%d", i), "t")
		more.Subscribe(fmt.Sprintf("s%d", i), "t")
	}
	for range 3 {
		agent.MustLack(one, harness.Places, 0, agent.Subscribe{Name: "s", Pattern: "t"})
	}
	pub.Send("p", 3, 500)
	many.Take("s0", 3)
	more.Take(fmt.Sprintf("s%d", shmtransport.MaxReaders/2-1), 3)
	many.Kill()
	pub.Hear(topic.Died, 1)
	one.Subscribe("s", "t")
	pub.Send("p", 3, 500)
	if a := one.Take("s", 3); a.Lost != 0 {
		t.Errorf("it lost %d", a.Lost)
	}
	more.Take("s0", 6)
	agent.Finish(pub, more, one)
}
