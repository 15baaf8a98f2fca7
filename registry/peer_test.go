//go:build linux

package registry

import "testing"

// A record that could not be read when its version was seen (no descriptor for its schema, say) is read later, under the
// same version. Those who wait for Touched to act on what was Added must still hear it.
func TestARecordThatIsReadLaterIsAnnouncedToo(t *testing.T) {
	dir := domain(t)
	w := watch(t, dir)
	advertise(t, w.Registry, subscription("a"))
	p, bad := openPeer(dir, w.ID())
	if bad != nil {
		t.Fatal(bad)
	}
	defer p.file.Close()
	now, err := p.words()
	if err != nil {
		t.Fatal(err)
	}
	p.adopt(difference{}, now)
	p.torn = true
	if d := p.compare(now, everything()); len(d.added) != 1 || !d.touched() || !d.files {
		t.Errorf("%d added, touched %v", len(d.added), d.touched())
	}
}
