//go:build linux

package limits

import (
	"path/filepath"
	"testing"

	"github.com/shmbus/shmbus/integration/internal/agent"
	"github.com/shmbus/shmbus/integration/internal/harness"
	"github.com/shmbus/shmbus/topic"
)

const mib = 1 << 20

// The test binary is built without C and the race detector, whose threads take address space as they like.
func TestAddressSpace(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lean")
	harness.BuildTests(t, path)
	lean := harness.Options{Program: []string{path}}
	t.Run("every call says so and leaves nothing", func(t *testing.T) { noAddressSpace(t, lean) })
	t.Run("a reader is late and blames no peer", func(t *testing.T) { lateForAddressSpace(t, lean) })
}

func noAddressSpace(t *testing.T, lean harness.Options) {
	dir := harness.NewSmallDomain(t, "1g") // which no other process uses
	poor, other, joiner := agent.NewWith(t, dir, lean), agent.Start(t, dir), agent.NewWith(t, dir, lean)
	poor.Join()
	poor.Advertise("p", "t")
	other.Subscribe("s", "t")
	poor.Send("p", 20, 1000)
	other.Take("s", 20)
	harness.Do(poor.Child, agent.PreparePayload{Size: 20 * mib})
	poor.MeasureResources()
	poor.LimitMappings(6 * mib)
	joiner.LimitMappings(6 * mib)
	was := poor.ResourceSummary()
	for range 5 {
		agent.MustLack(poor, harness.Memory, 20*mib, agent.Send{Publisher: "p", N: 1, Size: 20 * mib})
		agent.MustLack(poor, harness.Memory, 20*mib, agent.SendParts{Publisher: "p", Size: 20 * mib})
		agent.MustLack(poor, harness.Memory, 20*mib, agent.Loan{Publisher: "p", Size: 20 * mib})
		agent.MustLack(poor, harness.Memory, 20*mib, agent.SendBatch{Publisher: "p", N: 2, Size: 20 * mib})
		agent.MustLack(poor, harness.Memory, 20*mib, agent.Advertise{Name: "q", Topic: "q", InitialSize: 20 * mib})
		agent.MustLack(poor, harness.Memory, 0, agent.Subscribe{Name: "q", Pattern: "q"}) // 16 MiB of address space, of which little has memory
		agent.MustLack(joiner, harness.Memory, 0, agent.Join{})
	}
	if is := poor.ResourceSummary(); is != was {
		t.Errorf("before: %s\nafter:  %s", was, is)
	}
	poor.Send("p", 20, 1000)
	other.Take("s", 20)
	// One that may map a little makes do with fewer slots.
	poor.Advertise("little", "t2")
	poor.LimitMappings(12 * mib)
	poor.Send("little", 30, 3*mib)
	poor.UnlimitMappings()
	joiner.UnlimitMappings()
	poor.Send("p", 1, 20*mib)
	poor.Subscribe("q", "q")
	other.Take("s", 1)
	joiner.Join()
	agent.Finish(poor, other, joiner)
}

func lateForAddressSpace(t *testing.T, lean harness.Options) {
	const large = 20 * mib
	dir := harness.NewDomain(t)
	poor, pub := agent.NewWith(t, dir, lean), agent.Start(t, dir)
	poor.Join()
	poor.Subscribe("s", "large")
	poor.Subscribe("few", "small")
	pub.Advertise("l", "large")
	pub.Advertise("s", "small")
	poor.MeasureResources()
	poor.LimitMappings(6 * mib)
	pub.Send("l", 2, large)
	pub.Send("s", 20, 60)
	poor.TakeNone("s")
	poor.HearOf(topic.Unavailable, "large", 1)
	poor.Take("few", 20)
	late := agent.Start(t, dir)
	harness.Do(late.Child, agent.Advertise{Name: "p", Topic: "small", Depth: 4096}) // 0.6 MiB; connected later or now, as there is room
	pub.Send("l", 20, large)
	poor.TakeNone("s")
	poor.TakeNone("s")
	poor.UnlimitMappings()
	// 22 were published, of which the ring has 16: the others were lost to one that was late, and counted.
	if a := poor.Take("s", 22); a.Received+a.Lost != 22 || a.Received == 0 || a.Lost < 6 {
		t.Errorf("of 22 it received %d and lost %d", a.Received, a.Lost)
	}
	pub.Send("l", 3, large)
	if a := poor.Take("s", 3); a.Lost != 0 {
		t.Errorf("with room again it lost %d", a.Lost)
	}
	if a := poor.Hear(topic.Unavailable, 0); a.Count != 1 {
		t.Errorf("it heard of %d unavailable publishers", a.Count)
	}
	agent.Finish(poor, pub, late)
}
