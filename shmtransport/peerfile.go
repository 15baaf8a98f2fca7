package shmtransport

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/shmbus/shmbus/internal/shm"
)

// A PeerFile is another participant's reader file as publishers see it. It is read, not mapped, except for the pages of
// admitted links. Its methods may be called concurrently.
type PeerFile struct {
	id   uint64
	file *shm.File
	refs atomic.Int32 // one for the opener, one for each mapped page
}

// OpenPeerFile opens the reader file of the participant id. Accept is asked, if not nil, about the user to whom the kernel says
// that the file belongs; with an error nothing is read of it.
func OpenPeerFile(path string, id uint64, accept func(path string, uid int) error) (*PeerFile, error) {
	f, err := shm.Open(path)
	if err != nil {
		return nil, err
	}
	if err := accepts(accept, f); err != nil {
		f.Close()
		return nil, err
	}
	var h [rdrOffUsed]byte
	if _, err := f.ReadAt(h[:], 0); err != nil {
		f.Close()
		return nil, &CorruptError{Where: path, What: err.Error()}
	}
	bad := func(err error) (*PeerFile, error) { f.Close(); return nil, err }
	if magic := binary.NativeEndian.Uint64(h[rdrOffMagic:]); magic != readerMagic {
		return bad(&CorruptError{Where: path, What: fmt.Sprintf("magic %#x is not a reader's", magic)})
	}
	if v := binary.NativeEndian.Uint32(h[rdrOffVersion:]); v != LayoutVersion {
		return bad(&VersionError{Path: path, Theirs: v, Ours: LayoutVersion})
	}
	if owner := binary.NativeEndian.Uint64(h[rdrOffOwner:]); owner != id {
		return bad(&CorruptError{Where: path, What: fmt.Sprintf("it belongs to participant %016x", owner)})
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
	var word [4]byte
	if _, err := p.file.ReadAt(word[:], rdrOffUsed); err != nil {
		return &CorruptError{Where: p.file.Path(), What: err.Error()}
	}
	used := min(binary.NativeEndian.Uint32(word[:]), MaxLinks)
	size := int(used) * linkEntrySize
	buf := make([]byte, 2*size)
	for _, all := range [][]byte{buf[:size], buf[size:]} {
		for first := uint32(0); first < used; first += linksPerGroup {
			n := min(used-first, linksPerGroup)
			if _, err := p.file.ReadAt(all[first*linkEntrySize:][:n*linkEntrySize], linkEntryOffset(first)); err != nil {
				return &CorruptError{Where: p.file.Path(), What: err.Error()}
			}
		}
	}
	for i := range used {
		// A read may meet the owner halfway from one link to the next. The state is cleared first and written last and
		// the generation changes, so what reads the same twice is of one link.
		e := buf[i*linkEntrySize:][:linkEntrySize]
		if !bytes.Equal(e, buf[size:][i*linkEntrySize:][:linkEntrySize]) {
			continue // its owner tells the registry when it is done
		}
		state := binary.NativeEndian.Uint32(e[linkOffState:])
		q := LinkRequest{
			Reader: p.id, Link: i,
			Generation:   binary.NativeEndian.Uint32(e[linkOffGeneration:]),
			Publisher:    PublisherID{binary.NativeEndian.Uint64(e[linkOffPublisher:]), binary.NativeEndian.Uint32(e[linkOffNumber:])},
			Subscription: binary.NativeEndian.Uint32(e[linkOffSubscriber:]),
			History:      binary.NativeEndian.Uint32(e[linkOffHistory:]),
			Lossless:     binary.NativeEndian.Uint32(e[linkOffPolicy:]) == policyLossless,
			Patience:     min(max(time.Duration(binary.NativeEndian.Uint64(e[linkOffPatience:])), 0), time.Hour),
			Declined:     state == linkStateDeclined,
			Path:         p.file.Path(),
		}
		if state == linkStateRequested || state == linkStateDeclined {
			f(q)
		}
	}
	return nil
}

// Page maps the page of a link, read-only. The returned function unmaps it.
func (p *PeerFile) Page(link uint32) (page []byte, release func(), err error) {
	if link >= MaxLinks {
		return nil, nil, &CorruptError{Where: p.file.Path(), What: fmt.Sprintf("link %d", link)}
	}
	off := linkPageOffset(link)
	if size, err := p.file.Size(); err != nil {
		return nil, nil, err
	} else if off+linkPageSize > size {
		return nil, nil, &CorruptError{Where: p.file.Path(), What: fmt.Sprintf("link %d is behind the end, at %d bytes", link, size)}
	}
	from := off / int64(shm.PageSize()) * int64(shm.PageSize())
	m, err := p.file.Map(from, int(off-from)+linkPageSize, false)
	if err != nil {
		return nil, nil, err
	}
	p.refs.Add(1)
	return m.Bytes()[off-from:], func() { m.Unmap(); p.Close() }, nil
}

// Mapped reports whether the reader's process still has its file in memory, that is, whether its marks may still mean
// something after it left the domain. The kernel answers.
func (p *PeerFile) Mapped() bool {
	held, err := p.file.Locked()
	return held || err != nil
}

// Close gives the file back once the last page is unmapped.
func (p *PeerFile) Close() error {
	if p.refs.Add(-1) > 0 {
		return nil
	}
	return p.file.Close()
}
