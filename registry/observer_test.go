//go:build linux

package registry

import (
	"fmt"
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
