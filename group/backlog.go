package group

import (
	"maps"
	"math"
	"slices"
	"time"

	"github.com/shmbus/shmbus/topic"
)

// A kept is a sample that is not known as acknowledged.
type kept struct {
	pub       topic.PublisherID
	book      *book
	sequence  uint64
	stamp     topic.Stamp
	bytes     int64
	sample    any // topic.Sample[T]
	release   func()
	claims    uint64    // number of times that this member claimed it
	held      bool      // this member has it
	doubtful  bool      // members may have had it, and even acknowledged it, before this one could know
	notBefore time.Time // this member does not claim it again
}

// A book is what a member knows of one publisher.
type book struct {
	pub    topic.PublisherID
	before int64  // place before that of its first sample
	first  uint64 // lowest sequence that this member accounts for; unaccounted: none
	last   uint64 // highest sequence that was kept
	acked  ranges
	cut    uint64          // below it, acked may lack ranges
	marks  map[uint64]bool // sequences that a member claimed and that are not acknowledged
	dirty  bool            // the account that this member published last lacks what others acknowledged
	known  bool            // it has at least this first
}

// A backlog is the samples of a member in order of arrival, and the books of their publishers.
type backlog struct {
	topic, group string
	dispose      func(topic.PublisherID) // is called for books that are forgotten
	kept         []*kept
	bytes        int64 // of kept
	lastBytes    int64 // of the sample that was kept last, at least 1; 0 = none was
	books        map[topic.PublisherID]*book
	order        []topic.PublisherID // of books, the oldest first
}

// unaccounted is the lowest sequence that a member accounts for when it accounts for none.
const unaccounted = math.MaxUint64

// book returns the book of a publisher. first is a sequence that this member accounts for from now on.
func (b *backlog) book(pub topic.PublisherID, first uint64) *book {
	k := b.books[pub]
	if k == nil {
		b.forget()
		k = &book{pub: pub, before: placeBefore(b.topic, b.group, pub), first: first, marks: map[uint64]bool{}, dirty: true, known: first == unaccounted}
		b.books[pub] = k
		b.order = append(b.order, pub)
	}
	if first < k.first {
		k.first, k.dirty, k.known = first, true, false
	}
	return k
}

// forget makes room for a book.
func (b *backlog) forget() {
	if len(b.order) < maxAccounts {
		return
	}
	i := slices.IndexFunc(b.order, func(pub topic.PublisherID) bool {
		return !slices.ContainsFunc(b.kept, func(k *kept) bool { return k.pub == pub })
	})
	if i >= 0 { // MaxPending samples have fewer publishers
		delete(b.books, b.order[i])
		b.dispose(b.order[i])
		b.order = slices.Delete(b.order, i, i+1)
	}
}

// add keeps a sample, unless it is acknowledged or kept already. It reports whether it did.
func (b *backlog) add(k *kept) bool {
	k.book = b.book(k.pub, k.sequence)
	if k.book.acked.contains(k.sequence) || k.sequence <= k.book.last && b.has(k.pub, k.sequence) {
		return false
	}
	k.book.last = max(k.book.last, k.sequence)
	b.kept = append(b.kept, k)
	b.bytes += k.bytes
	b.lastBytes = max(1, k.bytes)
	return true
}

func (b *backlog) has(pub topic.PublisherID, sequence uint64) bool {
	return slices.ContainsFunc(b.kept, func(k *kept) bool { return k.sequence == sequence && k.pub == pub })
}

// learn enters what the account of another member says. It reports whether something was acknowledged.
func (b *backlog) learn(a account) (news bool) {
	k := b.book(a.pub, unaccounted)
	for _, s := range a.acked {
		if !k.acked.covers(s) {
			k.acked = k.acked.with(s)
			k.dirty, news = true, true
		}
	}
	if news {
		k.noteCut(a.acked)
		maps.DeleteFunc(k.marks, func(sequence uint64, _ bool) bool { return k.acked.contains(sequence) })
	}
	for _, c := range a.claims {
		if sequence := c &^ claimHeld; !k.marks[sequence] && !k.acked.contains(sequence) && len(k.marks) < maxMarks {
			k.marks[sequence] = true
		}
	}
	return news
}

// noteCut notes below which sequence ranges may be left out, as of an account with maxRanges.
func (k *book) noteCut(learned ranges) {
	for _, r := range []ranges{learned, k.acked} {
		if len(r) == maxRanges {
			k.cut = max(k.cut, r[0].first)
		}
	}
}

// accountsFrom returns the lowest sequence that this member accounts for. Of what is below the cut it cannot say what is acknowledged.
func (k *book) accountsFrom() uint64 { return max(k.first, k.cut) }

// room is the number of samples that may be kept beside the others. The next ones are taken to be as large as the last; the first one comes
// alone.
func (b *backlog) room(maxPending int, maxBytes int64) int {
	room := maxPending - len(b.kept)
	switch {
	case room <= 0 || b.bytes >= maxBytes:
		return 0
	case b.lastBytes == 0:
		return 1
	}
	return max(1, int(min(int64(room), (maxBytes-b.bytes)/b.lastBytes)))
}

// remove releases a sample.
func (b *backlog) remove(k *kept) {
	i := slices.Index(b.kept, k)
	b.kept = slices.Delete(b.kept, i, i+1)
	k.release()
	b.bytes -= k.bytes
}

// prune releases what is acknowledged, except what this member holds.
func (b *backlog) prune() {
	b.kept = slices.DeleteFunc(b.kept, func(k *kept) bool {
		gone := !k.held && k.book.acked.contains(k.sequence)
		if gone {
			k.release()
			b.bytes -= k.bytes
		}
		return gone
	})
}
