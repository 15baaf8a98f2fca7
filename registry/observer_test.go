//go:build linux

package registry

import (
	"fmt"
	"slices"
	"testing"
)

// An Observer finds all records of a participant, also when they fill more than one page of the index.
func TestObserver_MoreRecordsThanAnIndexPage(t *testing.T) {
	const records = 2*perIndex + 3
	dir := domain(t)
	w := still(t, dir, false)
	for i := range records {
		advertise(t, w.Registry, publisher(fmt.Sprint("topic/", i)))
	}
	o, err := Observe(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	all, err := o.Snapshot()
	if err != nil || len(all) != 1 || len(all[0].Endpoints) != records {
		t.Fatalf("%d participants, %v", len(all), err)
	}
}

// An Observer tells a participant whose process was killed from one that left, also when others have removed the files of both.
func TestObserver_DiedAndLeft(t *testing.T) {
	dir := domain(t)
	w := watch(t, dir)
	killed, left := startProcess(t, dir), startProcess(t, dir)
	w.expect(killed.id, Joined, Added)
	w.expect(left.id, Joined, Added)
	o, err := Observe(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	snapshot := func(want int) {
		t.Helper()
		if all, err := o.Snapshot(); err != nil || len(all) != want {
			t.Fatalf("%d participants, %v", len(all), err)
		}
	}
	if snapshot(3); len(o.Died()) != 0 {
		t.Errorf("%v died", o.Died())
	}
	killed.kill()
	left.leave()
	w.expect(killed.id, Removed, Died)
	w.expect(left.id, Removed, Left)
	if err := w.refresh(); err != nil { // the scan that found the death has removed the files when this one begins
		t.Fatal(err)
	}
	if snapshot(1); !slices.Equal(o.Died(), []ID{killed.id}) {
		t.Errorf("%v died, want %v", o.Died(), killed.id)
	}
	if snapshot(1); len(o.Died()) != 0 {
		t.Errorf("%v died again", o.Died())
	}
}
