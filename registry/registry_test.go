//go:build linux

package registry

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func advertise(t testing.TB, r *Registry, e Endpoint) *Advertisement {
	t.Helper()
	e.ID.Number = r.ReserveID()
	a, err := r.Advertise(e)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func publisher(topic string) Endpoint {
	return Endpoint{Kind: KindPublisher, Topic: topic, TypeName: "pkg.Type", Encoding: "msgpack", SchemaEncoding: "jsonschema",
		Schema: []byte("{}"), Latched: true, Depth: 16, MaxPayload: 1 << 40, Metadata: map[string]string{"site": "hall 3", "empty": ""}}
}

func subscription(patterns ...string) Endpoint {
	return Endpoint{Kind: KindSubscription, Patterns: patterns, Encoding: "cbor", AnyType: true, Lossless: true, History: 3}
}

func TestRegistry_AdvertiseAndWithdraw(t *testing.T) {
	dir := domain(t)
	a, b := watch(t, dir), watch(t, dir)
	for _, w := range []*watcher{a, b} {
		w.expect(a.ID(), Joined)
	}
	pub := advertise(t, a.Registry, publisher("robot/pose"))
	sub := advertise(t, a.Registry, subscription("/abs/*", "**"))
	for _, w := range []*watcher{a, b} {
		got := w.expect(a.ID(), Added, Added)
		wantPub, wantSub := publisher("robot/pose"), subscription("/abs/*", "**")
		wantPub.ID, wantSub.ID = pub.ID(), sub.ID()
		for i, want := range []Endpoint{wantPub, wantSub} {
			if diff := cmp.Diff(want, got[i].Endpoint, cmpopts.IgnoreFields(Endpoint{}, "Since")); diff != "" {
				t.Errorf("endpoint %d (-advertised +seen):\n%s", i, diff)
			}
			if got[i].Endpoint.Since == 0 {
				t.Error("the stamp of advertising is missing")
			}
		}
	}
	if err := pub.Withdraw(); err != nil {
		t.Fatal(err)
	}
	if err := pub.Withdraw(); err != nil {
		t.Fatal(err)
	}
	for _, w := range []*watcher{a, b} {
		if c := w.expect(a.ID(), Removed); c[0].Endpoint.ID != pub.ID() {
			t.Fatalf("%v is gone, want %v", c[0].Endpoint.ID, pub.ID())
		}
	}
	a.Close()
	b.expect(a.ID(), Removed, Left)
	if b.isAlive(a.ID()) {
		t.Error("a closed participant is alive")
	}
	b.Close()
	if diff := cmp.Diff([]string{"registry"}, files(t, dir)); diff != "" {
		t.Errorf("after the last Close (-want +got):\n%s", diff)
	}
}

func TestRegistry_LateJoiner(t *testing.T) {
	dir := domain(t)
	first := watch(t, dir)
	advertise(t, first.Registry, publisher("a"))
	other := startProcess(t, dir)
	second := watch(t, dir)
	second.expect(first.ID(), Joined, Added, Updated)
	got := second.expect(other.id, Joined, Added, Updated)
	if p := got[0].Participant; p.Unit != "member" || p.PID != other.cmd.Process.Pid || !p.Alive || p.Executable == "" ||
		p.StartTime == 0 || p.Since == 0 {
		t.Errorf("the other process is known as %+v", p)
	}
	if e := got[1].Endpoint; e.Topic != "member/topic" || string(e.Schema) != "schema" || e.ID != (EndpointID{other.id, 1}) {
		t.Errorf("its publisher is known as %+v", e)
	}
	// And the other way round: the first participant reports the late joiner.
	first.expect(second.ID(), Joined)
}

func TestRegistry_ProcessLeaves(t *testing.T) {
	dir := domain(t)
	w := watch(t, dir)
	other := startProcess(t, dir)
	w.expect(other.id, Joined, Added)
	if !w.isAlive(other.id) {
		t.Error("a living process is not alive")
	}
	other.leave()
	w.expect(other.id, Removed, Left)
	for _, name := range files(t, dir) {
		if strings.HasPrefix(name, other.id.String()) {
			t.Errorf("%s is still there", name)
		}
	}
}

func TestRegistry_ProcessKilled(t *testing.T) {
	dir := domain(t)
	watchers := []*watcher{watch(t, dir), watch(t, dir), watch(t, dir)}
	other := startProcess(t, dir)
	for _, w := range watchers {
		w.expect(other.id, Joined, Added)
	}
	other.kill()
	for _, w := range watchers {
		w.expect(other.id, Removed, Died)
		if w.isAlive(other.id) {
			t.Error("a killed process is alive")
		}
	}
	for _, w := range watchers {
		if err := w.refresh(); err != nil { // the scan that found the death has removed the files when this one begins
			t.Fatal(err)
		}
	}
	for _, name := range files(t, dir) {
		if strings.HasPrefix(name, other.id.String()) {
			t.Errorf("%s is still there", name)
		}
	}
}
