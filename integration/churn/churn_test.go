//go:build linux

package churn

import (
	"fmt"
	"testing"

	"github.com/shmbus/shmbus/integration/internal/agent"
	"github.com/shmbus/shmbus/integration/internal/harness"
)

func TestChurn_PublishersLeaveNothing(t *testing.T) {
	const times = 1000
	dir := harness.NewDomain(t)
	sub, pub := agent.Start(t, dir), agent.Start(t, dir)
	sub.SubscribeLossless("s", "t")
	pub.ChurnPublishers("t", 10)
	sub.Take("s", 10)
	subWas, pubWas := sub.MeasureResources(), pub.MeasureResources()
	taken := sub.GoTake("s", times)
	took := pub.ChurnPublishers("t", times).Took
	if got := taken.Wait(); got.Received != times || got.Lost != 0 {
		t.Errorf("received %+v", got)
	}
	t.Logf("%d publishers made and closed beside a subscriber in %v", times, took)
	pub.CheckSteady(pubWas)
	sub.CheckSteady(subWas)
	pub.Finish()
	sub.Finish()
}

func TestChurn_SubscribersLeaveNothing(t *testing.T) {
	const times = 1000
	dir := harness.NewDomain(t)
	pub, sub := agent.Start(t, dir), agent.Start(t, dir)
	pub.Advertise("p", "t")
	sub.ChurnSubscribers("t", 10)
	pubWas, subWas := pub.MeasureResources(), sub.MeasureResources()
	took := sub.ChurnSubscribers("t", times).Took
	t.Logf("%d subscribers made and closed beside a publisher in %v", times, took)
	pub.CheckSteady(pubWas)
	sub.CheckSteady(subWas)
	// Of the publisher's admissions, 128, none may be left.
	for i := range 100 {
		sub.Subscribe(fmt.Sprintf("s%d", i), "t")
	}
	pub.WaitPeers("p", 100)
	if n := pub.Send("p", 1, 8).Samples; n != 1 {
		t.Errorf("sent %d", n)
	}
	pub.Finish()
	sub.Finish()
}

func TestChurn_ParticipantsLeaveNothing(t *testing.T) {
	dir := harness.NewDomain(t)
	stays, goes := agent.Start(t, dir), agent.Start(t, dir)
	stays.Advertise("p", "t")
	stays.Subscribe("s", "t")
	var was agent.Resources
	for i := range 100 {
		goes.Advertise("p", "t")
		goes.Subscribe("s", "t")
		goes.Leave()
		goes.Join()
		if i == 10 {
			was = stays.MeasureResources()
		}
	}
	stays.CheckSteady(was)
	stays.Finish()
	goes.Finish()
}

// What is unread of publishers that closed is kept within the memory limit, and takes nothing any more once it was received.
func TestSubscriber_UnreadOfClosedPublishers(t *testing.T) {
	const before, more = 100, 1000
	dir := harness.NewDomain(t)
	sub, pub := agent.Start(t, dir), agent.Start(t, dir)
	sub.Subscribe("s", "t")
	pub.ChurnPublishers("t", before)
	sub.Take("s", before)
	was := sub.MeasureResources()
	took := pub.ChurnPublishers("t", more).Took
	t.Logf("%d publishers made and closed beside a subscriber that does not receive in %v", more, took)
	sub.Take("s", more)
	if got := sub.Stats("s"); got.Received != before+more || got.Lost != 0 {
		t.Errorf("it counted %d received and %d lost of %d published", got.Received, got.Lost, before+more)
	}
	sub.CheckSteady(was)
	pub.Finish()
	sub.Finish()
}
