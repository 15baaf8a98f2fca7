//go:build linux

package registry

import "testing"

func openedPeer(t *testing.T, dir string, id ID) *peer {
	t.Helper()
	p, err := openPeer(dir, id)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.file.Close() })
	return p
}

// A record that could not be read under its table version, for example for want of a descriptor for its schema, is read later
// under the same version. Then Updated must be reported too: callers act on Added when Updated comes.
func TestPeer_RecordReadLater(t *testing.T) {
	dir := domain(t)
	w := watch(t, dir)
	advertise(t, w.Registry, subscription("a"))
	p := openedPeer(t, dir, w.ID())
	now, err := p.words()
	if err != nil {
		t.Fatal(err)
	}
	p.adopt(difference{}, now)
	p.torn = true
	if d := p.compare(now, everything()); len(d.added) != 1 || !d.updated() || !d.files {
		t.Errorf("%d added, updated %v", len(d.added), d.updated())
	}
}

// A record that is put between the read of the header and that of the counts of changes is read under the next version: its
// count was read before the header announced its page.
func TestPeer_RecordPutDuringRead(t *testing.T) {
	dir := domain(t)
	w := watch(t, dir)
	advertise(t, w.Registry, publisher("a"))
	p := openedPeer(t, dir, w.ID())
	before, err := p.words()
	if err != nil {
		t.Fatal(err)
	}
	advertise(t, w.Registry, publisher("b"))
	d := p.compare(before, everything())
	if len(d.added) != 1 {
		t.Fatalf("%d records of the first version", len(d.added))
	}
	p.adopt(d, before)
	after, err := p.words()
	if err != nil {
		t.Fatal(err)
	}
	if d := p.compare(after, everything()); len(d.added) != 1 || d.added[0].endpoint.Topic != "b" {
		t.Errorf("%d new records of the second version", len(d.added))
	}
}
