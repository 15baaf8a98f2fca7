//go:build linux

package shmtransport

import (
	"errors"
	"testing"
)

// The links to all publishers of a participant share one mapping of its wake file, which the last of them unmaps. The
// owner of the file is checked for each link.
func TestWakeFile_MappedOncePerParticipant(t *testing.T) {
	d := newDomain(t)
	id := d.writer(WriterOptions{}).ID().Participant
	path := d.path(id, "wake")
	var maps wakeMaps
	first, err := maps.acquire(path, id, nil)
	if err != nil {
		t.Fatal(err)
	}
	second, err := maps.acquire(path, id, nil)
	if err != nil || second != first {
		t.Fatalf("the second use has %p, %v, the first %p", second, err, first)
	}
	refusal := errors.New("another user's")
	if _, err := maps.acquire(path, id, func(string, int) error { return refusal }); !errors.Is(err, refusal) {
		t.Errorf("a use that must not be: %v", err)
	}
	for range 2 {
		if maps.of[id] != first {
			t.Fatal("the mapping is gone while a link uses it")
		}
		if err := first.release(); err != nil {
			t.Fatal(err)
		}
	}
	if len(maps.of) != 0 {
		t.Errorf("%d mappings without a link", len(maps.of))
	}
}
