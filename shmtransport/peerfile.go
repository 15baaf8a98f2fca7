package shmtransport

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/shmbus/shmbus/internal/errdefs"
	"github.com/shmbus/shmbus/internal/shm"
)

// A PeerFile is another participant's reader file as publishers see it. It is read, not mapped, except for the pages of
// admitted links. Its methods may be called concurrently, but for Changes.
type PeerFile struct {
	id   uint64
	file *shm.File
	refs atomic.Int32       // one for the opener, one for each mapped page
	seen [linkGroups]uint32 // the owner's counts of changes at the last call of Changes
}

// linkGroups is the number of counts of changes.
const linkGroups = MaxLinks / linksPerGroup

// OpenPeerFile opens the reader file of the participant id. Accept, if not nil, is called with the owner of the file,
// as the kernel reports it; on error the file is not read.
func OpenPeerFile(path string, id uint64, accept func(path string, uid int) error) (*PeerFile, error) {
	f, err := shm.Open(path)
	if err != nil {
		return nil, err
	}
	if err := checkAccept(accept, f); err != nil {
		f.Close()
		return nil, err
	}
	var h [rdrOffUsed]byte
	if _, err := f.ReadAt(h[:], 0); err != nil {
		f.Close()
		return nil, &errdefs.CorruptError{Path: path, What: err.Error()}
	}
	bad := func(err error) (*PeerFile, error) { f.Close(); return nil, err }
	if magic := binary.NativeEndian.Uint64(h[rdrOffMagic:]); magic != readerMagic {
		return bad(&errdefs.CorruptError{Path: path, What: fmt.Sprintf("magic %#x is not a reader's", magic)})
	}
	if v := binary.NativeEndian.Uint32(h[rdrOffVersion:]); v != LayoutVersion {
		return bad(&errdefs.VersionError{Path: path, Found: v, Known: LayoutVersion})
	}
	if owner := binary.NativeEndian.Uint64(h[rdrOffOwner:]); owner != id {
		return bad(&errdefs.CorruptError{Path: path, What: fmt.Sprintf("it belongs to participant %016x", owner)})
	}
	p := &PeerFile{id: id, file: f}
	p.refs.Store(1)
	return p, nil
}

// Requests calls f for each link that names a publisher of the participant publisher.
func (p *PeerFile) Requests(publisher uint64, f func(LinkRequest)) error {
	return p.each(func(q LinkRequest) {
		if q.Publisher.Participant == publisher {
			f(q)
		}
	})
}

// each calls f for each link that names a publisher.
func (p *PeerFile) each(f func(LinkRequest)) error {
	return p.changes(new([linkGroups]uint32), func(q LinkRequest, open bool) {
		if open {
			f(q)
		}
	})
}

// Changes calls f for the links that may have changed since the last call, the first time for all. open tells links
// that name a publisher from free ones. The amount of data read depends on the number of changes, rounded up to groups
// of 64 links. An owner that does not count its changes hides only its own requests. Calls must not overlap.
func (p *PeerFile) Changes(f func(q LinkRequest, open bool)) error { return p.changes(&p.seen, f) }

// changes is Changes relative to the counts in seen.
func (p *PeerFile) changes(seen *[linkGroups]uint32, f func(q LinkRequest, open bool)) error {
	// The owner stores the number of entries before it counts a change of a new one, so the counts are read first.
	var counts [4 * linkGroups]byte
	if _, err := p.file.ReadAt(counts[:], rdrOffChanges); err != nil {
		return &errdefs.CorruptError{Path: p.file.Path(), What: err.Error()}
	}
	var word [4]byte
	if _, err := p.file.ReadAt(word[:], rdrOffUsed); err != nil {
		return &errdefs.CorruptError{Path: p.file.Path(), What: err.Error()}
	}
	used := min(binary.NativeEndian.Uint32(word[:]), MaxLinks)
	for g := uint32(0); g*linksPerGroup < used; g++ {
		// Read before the entries: a change during the read is counted after it.
		count := binary.NativeEndian.Uint32(counts[4*g:])
		if count == seen[g] {
			continue
		}
		if err := p.group(g*linksPerGroup, min((g+1)*linksPerGroup, used), f); err != nil {
			return err
		}
		seen[g] = count
	}
	return nil
}

// group calls f for the links from one index to before another.
func (p *PeerFile) group(from, to uint32, f func(q LinkRequest, open bool)) error {
	var both [2][linksPerGroup * linkEntrySize]byte
	size := (to - from) * linkEntrySize
	for i := range both {
		if _, err := p.file.ReadAt(both[i][:size], linkEntryOffset(from)); err != nil {
			return &errdefs.CorruptError{Path: p.file.Path(), What: err.Error()}
		}
	}
	for i := range to - from {
		// A read may overlap with the owner's writes. The state is cleared first and written last and the generation
		// changes, so bytes that read the same twice belong to one link.
		e := both[0][i*linkEntrySize:][:linkEntrySize]
		if !bytes.Equal(e, both[1][i*linkEntrySize:][:linkEntrySize]) {
			continue // its owner counts the change and notifies when it is done
		}
		state := binary.NativeEndian.Uint32(e[linkOffState:])
		f(LinkRequest{
			Reader: p.id, Link: from + i,
			Generation:   binary.NativeEndian.Uint32(e[linkOffGeneration:]),
			Publisher:    PublisherID{binary.NativeEndian.Uint64(e[linkOffPublisher:]), binary.NativeEndian.Uint32(e[linkOffNumber:])},
			Subscription: binary.NativeEndian.Uint32(e[linkOffSubscriber:]),
			History:      binary.NativeEndian.Uint32(e[linkOffHistory:]),
			Lossless:     binary.NativeEndian.Uint32(e[linkOffPolicy:]) == policyLossless,
			Timeout:      min(max(time.Duration(binary.NativeEndian.Uint64(e[linkOffTimeout:])), 0), time.Hour),
			Declined:     state == linkStateDeclined,
			Path:         p.file.Path(),
		}, state == linkStateRequested || state == linkStateDeclined)
	}
	return nil
}

// Page maps the page of a link, read-only. The returned function unmaps it.
func (p *PeerFile) Page(link uint32) (page []byte, release func(), err error) {
	if link >= MaxLinks {
		return nil, nil, &errdefs.CorruptError{Path: p.file.Path(), What: fmt.Sprintf("it has no link %d", link)}
	}
	off := linkPageOffset(link)
	if size, err := p.file.Size(); err != nil {
		return nil, nil, err
	} else if off+linkPageSize > size {
		return nil, nil, &errdefs.CorruptError{Path: p.file.Path(), What: fmt.Sprintf("link %d is behind the end, at %d bytes", link, size)}
	}
	from := off / int64(shm.PageSize()) * int64(shm.PageSize())
	m, err := p.file.Map(from, int(off-from)+linkPageSize, false)
	if err != nil {
		return nil, nil, err
	}
	p.refs.Add(1)
	return m.Bytes()[off-from:], func() { m.Unmap(); p.Close() }, nil
}

// OwnerAlive reports whether the reader's process still maps its file, so that its marks may still be valid after it
// left the domain. The kernel answers.
func (p *PeerFile) OwnerAlive() bool {
	held, err := p.file.Locked()
	return held || err != nil
}

// Close closes the file once the last page is unmapped.
func (p *PeerFile) Close() error {
	if p.refs.Add(-1) > 0 {
		return nil
	}
	return p.file.Close()
}
