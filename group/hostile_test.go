package group

import (
	"math/rand/v2"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/topic"
)

// randomAccount is valid.
func randomAccount(nRanges, nClaims int) account {
	a := account{member: rand.Uint64(), pub: topic.PublisherID{Participant: registry.ID(rand.Uint64()), Number: rand.Uint32()}, first: rand.Uint64()}
	for next := uint64(1); len(a.acked) < nRanges; {
		s := span{first: next + rand.Uint64N(9)}
		s.last = s.first + rand.Uint64N(9)
		a.acked = append(a.acked, s)
		next = s.last + 2
	}
	for range nClaims {
		a.claims = append(a.claims, rand.Uint64())
	}
	return a
}

func TestParse_AnyBytes(t *testing.T) {
	for range 2000 {
		want := randomAccount(rand.IntN(5), rand.IntN(5))
		b := want.appendTo(nil)
		got, err := parseAccount(b, account{})
		if err != nil || len(got.acked) != len(want.acked) || len(got.claims) != len(want.claims) {
			t.Fatalf("%+v is read as %+v, %v", want, got, err)
		}
		if len(want.acked) > 0 && len(want.claims) > 0 && !reflect.DeepEqual(got, want) {
			t.Fatalf("%+v is read as %+v", want, got)
		}
		for n := range b {
			if _, err := parseAccount(b[:n], account{}); err == nil {
				t.Fatalf("%d of %d bytes are an account", n, len(b))
			}
		}
		b[rand.IntN(len(b))] ^= 1 << rand.IntN(8)
		if a, err := parseAccount(b, account{}); err == nil {
			for i, s := range a.acked {
				if s.first > s.last || i > 0 && s.first <= a.acked[i-1].last+1 {
					t.Fatalf("ranges %v", a.acked)
				}
			}
		}
		a := announcement{member: rand.Uint64(), noticed: []uint64{1, 2}}.bytes()
		if got, err := parseAnnouncement(a); err != nil || len(got.noticed) != 2 {
			t.Fatal(got, err)
		}
		for n := range a {
			if _, err := parseAnnouncement(a[:n]); err == nil {
				t.Fatalf("%d of %d bytes are an announcement", n, len(a))
			}
		}
	}
	for _, a := range []account{randomAccount(maxRanges+1, 0), randomAccount(0, maxClaims+1), {acked: ranges{{5, 4}}}, {acked: ranges{{0, 4}}}, {acked: ranges{{1, 2}, {3, 4}}},
		{acked: ranges{{1, claimHeld}}}} {
		if got, err := parseAccount(a.appendTo(nil), account{}); err == nil {
			t.Errorf("not refused: %+v", got)
		}
	}
	if _, err := parseAnnouncement(announcement{noticed: make([]uint64, maxMembers+1)}.bytes()); err == nil {
		t.Error("too many members were not refused")
	}
}

// A process that publishes anything on the topics of a group takes bounded memory there and does not end the group.
func TestHostileMember(t *testing.T) {
	o := domain(t)
	m := member(t, o, workers, nil)
	pub := publisher(t, o, 16)
	liar := participant(t, o)
	open := func(segment string) *topic.Publisher[[]byte] {
		p, err := topic.NewPublisher(t.Context(), liar, topicOf(jobs, workers, segment), &topic.PublisherOptions[[]byte]{Codec: codec(segment), Depth: 4096})
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	accounts, members := open(segmentAccount), open(segmentMember)
	lie := func(p *topic.Publisher[[]byte], b []byte) {
		if _, err := p.Publish(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	for round := range 5 {
		for range maxAccounts / 2 {
			lie(accounts, randomAccount(rand.IntN(3), rand.IntN(3)).appendTo(nil))
		}
		full := randomAccount(maxRanges, maxClaims)
		for range 8 {
			for i := range full.claims {
				full.claims[i] = rand.Uint64()
			}
			lie(accounts, full.appendTo(nil))
		}
		for range 100 {
			b := make([]byte, rand.IntN(200))
			for i := range b {
				b[i] = byte(rand.Uint32())
			}
			lie(accounts, b)
			lie(members, b)
		}
		for range 100 {
			lie(members, announcement{member: rand.Uint64(), file: m.file, noticed: make([]uint64, maxMembers)}.bytes())
		}
		publish(t, pub, round)
		ack(t, receive(t, m, round, false))
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.books) < maxAccounts || len(m.books) > maxAccounts+1 || len(m.order) != len(m.books) {
		t.Errorf("%d books, %d in order", len(m.books), len(m.order))
	}
	for _, b := range m.books {
		if len(b.acked) > maxRanges || len(b.marks) > maxMarks {
			t.Errorf("%d ranges, %d marks", len(b.acked), len(b.marks))
		}
	}
	for _, h := range m.holders {
		if len(h.held) > maxClaims {
			t.Errorf("%d publishers with claims", len(h.held))
		}
	}
	if len(m.holders) > maxMembers || len(m.peers.announced) > maxMembers {
		t.Errorf("%d members with accounts, %d announced", len(m.holders), len(m.peers.announced))
	}
	if m.failure != nil {
		t.Error(m.failure)
	}
}

// A message of any size takes no more memory than the largest valid one, neither of a member nor of Find.
func TestHostileMember_LargeMessages(t *testing.T) {
	o := domain(t)
	m := member(t, o, workers, nil)
	liar := participant(t, o)
	large := make([]byte, 64<<20)
	lie := func(segment string, then ...[]byte) {
		p, err := topic.NewPublisher(t.Context(), liar, topicOf(jobs, workers, segment), &topic.PublisherOptions[[]byte]{Codec: codec(segment), Latched: true})
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range append([][]byte{large}, then...) {
			if _, err := p.Publish(t.Context(), b); err != nil {
				t.Fatal(err)
			}
		}
	}
	allocates := func(what string, f func()) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		f()
		runtime.ReadMemStats(&after)
		if n := after.TotalAlloc - before.TotalAlloc; n > uint64(len(large))/2 {
			t.Errorf("%s: %d bytes were allocated", what, n)
		}
	}
	allocates("an announcement", func() {
		lie(segmentMember, announcement{member: 1, file: m.file}.bytes())
		eventually(t, "heard", func() bool { m.mu.Lock(); defer m.mu.Unlock(); return len(m.peers.announced) == 1 })
	})
	m.mu.Lock() // else it reads accounts as it wants
	defer m.mu.Unlock()
	lie(segmentAccount, account{member: 1}.appendTo(nil))
	allocates("an account", func() {
		if err := m.drain(); err != nil || !m.readable(1) {
			t.Error(err)
		}
	})
	lie(segmentAccount) // and stays, because it is latched
	allocates("Find", func() {
		if _, err := Find(t.Context(), liar, jobs); err != nil {
			t.Error(err)
		}
	})
}

// The registry file can be replaced by any process of its user. Places in another file exclude nothing.
func TestJoin_ReplacedRegistryFile(t *testing.T) {
	o := domain(t)
	m := member(t, o, workers, nil)
	m.mu.Lock()
	m.file++
	_, err := m.announcePub.Publish(t.Context(), announcement{member: m.number, file: m.file}.bytes())
	m.mu.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Join[int](t.Context(), participant(t, o), jobs, workers, nil); err == nil || !strings.Contains(err.Error(), "was replaced") {
		t.Error(err)
	}
}
