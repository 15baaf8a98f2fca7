//go:build linux

package crash

import (
	"fmt"
	"testing"

	"github.com/shmbus/shmbus/integration/internal/agent"
	"github.com/shmbus/shmbus/integration/internal/harness"
	"github.com/shmbus/shmbus/topic"
)

// The subscriber has fewer descriptors than there are publishers, and takes nothing before all are dead.
func TestKill_UnreadSamplesOfTheKilled(t *testing.T) {
	const processes, small, large = 60, 5, 3
	dir := harness.NewDomain(t)
	sub := agent.Start(t, dir)
	sub.SubscribeLossless("s", "t/*")
	sub.LimitDescriptors(30)
	before := sub.MeasureResources()
	for i := range processes {
		pub := agent.Start(t, dir)
		pub.Advertise("p", fmt.Sprintf("t/%d", i%7))
		pub.Send("p", small, 50)
		pub.Send("p", large, 20000)
		pub.Kill()
		sub.Hear(topic.Died, i+1)
	}
	if a := sub.MeasureResources(); a.FDs > before.FDs+2 || a.Maps > before.Maps+2 {
		t.Errorf("%d descriptors and %d mappings before, %d and %d while all is kept", before.FDs, before.Maps, a.FDs, a.Maps)
	}
	if a := sub.Take("s", processes*(small+large)); a.Lost != 0 || a.Received != processes*(small+large) || a.Topics != 7 {
		t.Errorf("%d received, %d lost, of %d topics", a.Received, a.Lost, a.Topics)
	}
	if a := sub.MeasureResources(); a.FDs > before.FDs || a.Maps > before.Maps {
		t.Errorf("%d descriptors and %d mappings before, %d and %d after", before.FDs, before.Maps, a.FDs, a.Maps)
	}
	sub.Finish()
}
