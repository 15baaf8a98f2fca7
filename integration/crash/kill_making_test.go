//go:build linux

package crash

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/shmbus/shmbus/integration/internal/agent"
	"github.com/shmbus/shmbus/integration/internal/harness"
)

func TestKill_WhileMakingAndClosing(t *testing.T) {
	const times = 15
	dir := harness.NewDomain(t)
	sub, pub := agent.Start(t, dir), agent.Start(t, dir)
	sub.SubscribeLossless("s", "stable")
	pub.Advertise("p", "stable")
	was := 0
	for i := range times {
		victims := []*harness.Child{harness.Start(t, dir, agent.EndpointChurn{}).Ready(), harness.Start(t, dir, agent.EndpointChurn{}).Ready()}
		time.Sleep(time.Duration(rand.Int64N(int64(15 * time.Millisecond))))
		for _, v := range victims {
			v.Kill()
		}
		taken := sub.GoTake("s", 20)
		pub.Send("p", 20, 64)
		if got := taken.Wait(); got.Lost != 0 {
			t.Fatalf("round %d: %+v", i, got)
		}
		if i == 2 {
			was = pub.MeasureResources().FDs
		}
	}
	now := pub.MeasureResources()
	for begin := time.Now(); now.FDs > was+8 && time.Since(begin) < harness.WaitLimit/4; { // the process hears of the last deaths later
		now = pub.MeasureResources()
	}
	if now.FDs > was+8 {
		t.Errorf("%d descriptors, before it were %d", now.FDs, was)
	}
	pub.Finish()
	sub.Finish()
}
