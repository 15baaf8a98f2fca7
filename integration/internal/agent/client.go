//go:build linux

// Package agent is a process of a test that uses topics as the test says: each method of Agent is a call that the process executes. Calls
// that fail when they should are made with harness.Try, calls that end later with harness.Go, and calls of other users with As.
package agent

import (
	"testing"

	"github.com/shmbus/shmbus/integration/internal/harness"
	"github.com/shmbus/shmbus/topic"
)

// An Agent is a process of a test. Its methods make the calls of the same names, which must succeed.
type Agent struct{ *harness.Child }

// New starts an agent that has not joined.
func New(t testing.TB, dir string) Agent {
	t.Helper()
	return NewWith(t, dir, harness.Options{})
}

// NewWith is New with options.
func NewWith(t testing.TB, dir string, o harness.Options) Agent {
	t.Helper()
	return Agent{harness.StartWith(t, dir, Request{}, o)}
}

// Start starts an agent that has joined the domain below dir.
func Start(t testing.TB, dir string) Agent {
	t.Helper()
	return StartWith(t, dir, harness.Options{})
}

// StartWith is Start with options.
func StartWith(t testing.TB, dir string, o harness.Options) Agent {
	t.Helper()
	a := NewWith(t, dir, o)
	a.Join()
	return a
}

func (a Agent) Join() Timing {
	a.T.Helper()
	return harness.Do(a.Child, Join{})
}

func (a Agent) Leave() {
	a.T.Helper()
	harness.Do(a.Child, Leave{})
}

// Hear waits for so many events of a kind.
func (a Agent) Hear(kind topic.EventKind, n int) Events {
	a.T.Helper()
	return harness.Do(a.Child, WaitEvents{Kind: kind, N: n})
}

// HearOf waits for so many events of a kind and a topic.
func (a Agent) HearOf(kind topic.EventKind, name string, n int) Events {
	a.T.Helper()
	return harness.Do(a.Child, WaitEvents{Kind: kind, Topic: name, N: n})
}

func (a Agent) WaitParticipants(n int) {
	a.T.Helper()
	harness.Do(a.Child, WaitParticipants{n})
}

func (a Agent) ForgetEvents() {
	a.T.Helper()
	harness.Do(a.Child, ForgetEvents{})
}

func (a Agent) Advertise(name, topic string) Timing {
	a.T.Helper()
	return harness.Do(a.Child, Advertise{Name: name, Topic: topic})
}

// AdvertiseLatched makes a latched publisher.
func (a Agent) AdvertiseLatched(name, topic string) Timing {
	a.T.Helper()
	return harness.Do(a.Child, Advertise{Name: name, Topic: topic, Latched: true})
}

func (a Agent) AdvertiseMany(prefix string, n int) Timing {
	a.T.Helper()
	return harness.Do(a.Child, AdvertiseMany{prefix, n})
}

func (a Agent) SendEach(prefix string, n int) {
	a.T.Helper()
	harness.Do(a.Child, SendEach{prefix, n})
}

func (a Agent) Send(publisher string, n, size int) Sent {
	a.T.Helper()
	return harness.Do(a.Child, Send{Publisher: publisher, N: n, Size: size})
}

func (a Agent) SendBatch(publisher string, n, size int) Sent {
	a.T.Helper()
	return harness.Do(a.Child, SendBatch{publisher, n, size})
}

func (a Agent) SendParts(publisher string, size int) {
	a.T.Helper()
	harness.Do(a.Child, SendParts{publisher, size})
}

func (a Agent) Loan(publisher string, size int) {
	a.T.Helper()
	harness.Do(a.Child, Loan{publisher, size})
}

func (a Agent) Commit(publisher string) {
	a.T.Helper()
	harness.Do(a.Child, Commit{publisher})
}

func (a Agent) CountReaders(publisher string) int {
	a.T.Helper()
	return harness.Do(a.Child, CountReaders{publisher})
}

func (a Agent) WaitReadersAtMost(publisher string, n int) {
	a.T.Helper()
	harness.Do(a.Child, WaitReadersAtMost{publisher, n})
}

func (a Agent) ChurnPublishers(topic string, n int) Timing {
	a.T.Helper()
	return harness.Do(a.Child, ChurnPublishers{topic, n})
}

func (a Agent) Subscribe(name, pattern string) Timing {
	a.T.Helper()
	return harness.Do(a.Child, Subscribe{Name: name, Pattern: pattern})
}

// SubscribeLossless makes a lossless subscriber with the default timeout.
func (a Agent) SubscribeLossless(name, pattern string) Timing {
	a.T.Helper()
	return harness.Do(a.Child, Subscribe{Name: name, Pattern: pattern, Lossless: true})
}

// SubscribeHistory makes a subscriber that gets so many samples from before it.
func (a Agent) SubscribeHistory(name, pattern string, history int) Timing {
	a.T.Helper()
	return harness.Do(a.Child, Subscribe{Name: name, Pattern: pattern, History: history})
}

func (a Agent) Take(subscriber string, n int) Received {
	a.T.Helper()
	return harness.Do(a.Child, Take{subscriber, n})
}

// GoTake begins Take.
func (a Agent) GoTake(subscriber string, n int) *harness.Pending[Received] {
	a.T.Helper()
	return harness.Go(a.Child, Take{subscriber, n})
}

func (a Agent) Drain(subscriber string, n int) Received {
	a.T.Helper()
	return harness.Do(a.Child, Drain{subscriber, n})
}

func (a Agent) TakeLatest(subscriber string) (size int) {
	a.T.Helper()
	return harness.Do(a.Child, TakeLatest{subscriber})
}

func (a Agent) TakeStamped(subscriber string) Stamped {
	a.T.Helper()
	return harness.Do(a.Child, TakeStamped{subscriber})
}

func (a Agent) TakeNone(subscriber string) {
	a.T.Helper()
	harness.Do(a.Child, TakeNone{subscriber})
}

func (a Agent) Stats(subscriber string) Received {
	a.T.Helper()
	return harness.Do(a.Child, Stats{subscriber})
}

func (a Agent) ChurnSubscribers(pattern string, n int) Timing {
	a.T.Helper()
	return harness.Do(a.Child, ChurnSubscribers{pattern, n})
}

func (a Agent) WaitPeers(name string, n int) {
	a.T.Helper()
	harness.Do(a.Child, WaitPeers{name, n})
}

func (a Agent) Close(name string) {
	a.T.Helper()
	harness.Do(a.Child, Close{Name: name})
}

func (a Agent) LimitDescriptors(more int) {
	a.T.Helper()
	harness.Do(a.Child, LimitDescriptors{more})
}

func (a Agent) ForbidDescriptors() {
	a.T.Helper()
	harness.Do(a.Child, ForbidDescriptors{})
}

func (a Agent) LimitMappings(more int) {
	a.T.Helper()
	harness.Do(a.Child, LimitMappings{Bytes: more})
}

// UnlimitMappings ends LimitMappings.
func (a Agent) UnlimitMappings() {
	a.T.Helper()
	harness.Do(a.Child, LimitMappings{Unlimited: true})
}

func (a Agent) MeasureResources() Resources {
	a.T.Helper()
	return harness.Do(a.Child, MeasureResources{})
}

func (a Agent) Now() int64 {
	a.T.Helper()
	return harness.Do(a.Child, Now{})
}

// Finish asks agents to end and waits for them.
func Finish(all ...Agent) {
	for _, a := range all {
		a.T.Helper()
		a.Finish()
	}
}
