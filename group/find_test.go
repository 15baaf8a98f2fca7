package group

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/shmbus/shmbus/topic"
)

func find(t *testing.T, o *topic.Options, pattern string) []Info {
	t.Helper()
	p, err := topic.Join(&topic.Options{Dir: o.Dir, Domain: o.Domain, ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	all, err := Find(t.Context(), p, pattern)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// An observer that takes no part knows the members, what each has, and what is acknowledged.
func TestFind_MembersAndProgress(t *testing.T) {
	o := domain(t)
	pub := publisher(t, o, 64)
	two := &Options[int]{MaxOutstanding: 2}
	a, b := member(t, o, workers, two), member(t, o, workers, two)
	member(t, o, "auditors", nil)
	publish(t, pub, 1, 2, 3, 4, 5, 6)
	d := receive(t, a, 1, false)
	ack(t, receive(t, b, 2, false))
	back := receive(t, b, 3, false)
	receive(t, b, 4, false)
	if err := back.Return(); err != nil {
		t.Fatal(err)
	}
	all := find(t, o, "**")
	if len(all) != 2 || all[0].Topic != jobs || all[0].Group != "auditors" || len(all[0].Members) != 1 || all[1].Group != workers || len(all[1].Members) != 2 {
		t.Fatalf("%+v", all)
	}
	want := map[topic.PublisherID]Progress{pub.ID(): {First: 1, Acknowledged: 1, Outstanding: 2, Redelivered: 1}}
	if diff := cmp.Diff(want, all[1].Publishers); diff != "" {
		t.Error(diff)
	}
	for _, m := range all[1].Members {
		if m.Outstanding != 1 || !m.Joined || m.PID == 0 {
			t.Errorf("%+v", m)
		}
	}
	ack(t, d)
	ack(t, receive(t, a, 3, true))
	want[pub.ID()] = Progress{First: 1, Acknowledged: 3, Outstanding: 1}
	if diff := cmp.Diff(want, find(t, o, jobs)[1].Publishers); diff != "" {
		t.Error(diff)
	}
	if all := find(t, o, "no/such"); len(all) != 0 {
		t.Errorf("%+v", all)
	}
}

// What members say in error or on purpose is counted within what is possible.
func TestProgress_OfAnything(t *testing.T) {
	for name, c := range map[string]struct {
		all  []account
		want Progress
	}{
		"nothing":            {[]account{{first: unaccounted}}, Progress{}},
		"before the first":   {[]account{{first: 10, acked: ranges{{1, 4}, {6, 12}}}}, Progress{First: 10, Acknowledged: 3}},
		"said twice":         {[]account{{first: 5, acked: ranges{{5, 7}}}, {first: 3, acked: ranges{{6, 9}}}}, Progress{First: 3, Acknowledged: 5}},
		"acknowledged since": {[]account{{first: 1, claims: []uint64{1 | claimHeld, 2}}, {first: 1, acked: ranges{{1, 2}}}}, Progress{First: 1, Acknowledged: 2}},
		"held again":         {[]account{{first: 1, claims: []uint64{4 | claimHeld, 4}}, {first: 1, claims: []uint64{4}}}, Progress{First: 1, Outstanding: 1, Redelivered: 1}},
		"everything":         {[]account{{first: 1, acked: ranges{{1, claimHeld - 1}}, claims: []uint64{math.MaxUint64}}}, Progress{First: 1, Acknowledged: claimHeld - 1}},
	} {
		if diff := cmp.Diff(c.want, progress(c.all)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestGroupOf_Names(t *testing.T) {
	for name, want := range map[string][2]string{
		"$group/robot/jobs/workers/member": {"robot/jobs", "workers"}, "$group/jobs/w/account": {"jobs", "w"},
		"$group/jobs/member": {}, "$group/robot/jobs/workers/other": {}, "robot/jobs/workers/member": {}, "$group/member": {}, "$group/": {}, "": {},
	} {
		of, group, ok := GroupOf(name)
		if got := [2]string{of, group}; got != want || ok != (want != [2]string{}) {
			t.Errorf("%q is of %q, %v", name, got, ok)
		}
	}
}
