package shmtransport

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/shmbus/shmbus/internal/errdefs"
)

// A LinkState is the content of a reader's file for one link, with its page.
type LinkState struct {
	Reader           uint64 // participant id
	Link, Generation uint32
	Publisher        PublisherID
	Subscription     uint32
	Lossless         bool
	Cursor           uint64   // the next sequence to take, 0 before it is admitted, all bits set after it disconnected
	Marks            []uint32 // by number, 0 = not in use
}

// InspectReader reads the reader file of a participant, without mapping it, and returns the links that request samples.
// Links that change meanwhile may be missing. Invalid content is a *errdefs.CorruptError, another layout a *errdefs.VersionError.
func InspectReader(path string, id uint64) ([]LinkState, error) {
	p, err := OpenPeerFile(path, id, nil)
	if err != nil {
		return nil, err
	}
	defer p.Close()
	if size, err := p.file.Size(); err != nil {
		return nil, err
	} else if size < rdrOffGroups {
		return nil, &errdefs.CorruptError{Path: path, What: fmt.Sprintf("it ends after %d bytes, inside the header", size)}
	}
	var links []LinkState
	var head [pageOffMarks]byte
	err = p.each(func(q LinkRequest) {
		if q.Declined {
			return
		}
		l := LinkState{Reader: id, Link: q.Link, Generation: q.Generation, Publisher: q.Publisher, Subscription: q.Subscription, Lossless: q.Lossless}
		page := linkPageOffset(q.Link)
		if readFull(p.file, head[:], page) != nil || binary.NativeEndian.Uint32(head[pageOffState:]) != pageCurrent ||
			binary.NativeEndian.Uint32(head[pageOffGen:]) != q.Generation ||
			binary.NativeEndian.Uint64(head[pageOffPublisher:]) != q.Publisher.Participant ||
			binary.NativeEndian.Uint32(head[pageOffNumber:]) != q.Publisher.Number {
			return
		}
		l.Cursor = binary.NativeEndian.Uint64(head[pageOffCursor:])
		marks := make([]byte, 4*min(binary.NativeEndian.Uint32(head[pageOffMarksUsed:]), MaxHeld))
		if readFull(p.file, marks, page+pageOffMarks) != nil {
			return
		}
		for i := 0; i < len(marks); i += 4 {
			l.Marks = append(l.Marks, binary.NativeEndian.Uint32(marks[i:]))
		}
		links = append(links, l)
	})
	return links, err
}

// Admission returns the publisher's record of a link.
func (p *PublisherState) Admission(link LinkState) (Admission, bool) {
	for _, a := range p.Admitted {
		if a.Reader == link.Reader && a.Link == link.Link && a.Generation == link.Generation {
			return a, true
		}
	}
	return Admission{}, false
}

// Next returns the sequence that a link takes next, 0 if it is not admitted or disconnected. A subscription that never received has no
// cursor yet: it starts at the start of its admission.
func (p *PublisherState) Next(link LinkState) uint64 {
	switch link.Cursor {
	case 0:
		a, _ := p.Admission(link)
		return a.Start
	case math.MaxUint64:
		return 0
	}
	return link.Cursor
}

// Backlog returns the number of published samples that a link has not taken, also those that are overwritten. It is 0 also if
// the states of both are inconsistent.
func (p *PublisherState) Backlog(link LinkState) uint64 {
	next := p.Next(link)
	if next == 0 || next > p.Head || p.Head-next >= 1<<40 {
		return 0
	}
	return p.Head + 1 - next
}
