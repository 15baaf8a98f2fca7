package group

import (
	"encoding/binary"
	"fmt"

	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/topic"
)

// An account is the content of a message of that name. The slices of a parsed account refer to the message.
type account struct {
	member uint64
	pub    topic.PublisherID // zero: the first message of a member
	first  uint64
	acked  ranges
	claims []uint64 // with claimHeld
}

func (a account) appendTo(b []byte) []byte {
	b = append(b, make([]byte, accountSize)...)
	binary.NativeEndian.PutUint64(b[accOffMember:], a.member)
	binary.NativeEndian.PutUint64(b[accOffParticipant:], uint64(a.pub.Participant))
	binary.NativeEndian.PutUint32(b[accOffPublisher:], a.pub.Number)
	binary.NativeEndian.PutUint32(b[accOffRanges:], uint32(len(a.acked)))
	binary.NativeEndian.PutUint32(b[accOffClaims:], uint32(len(a.claims)))
	binary.NativeEndian.PutUint64(b[accOffFirst:], a.first)
	for _, s := range a.acked {
		b = binary.NativeEndian.AppendUint64(b, s.first)
		b = binary.NativeEndian.AppendUint64(b, s.last)
	}
	for _, c := range a.claims {
		b = binary.NativeEndian.AppendUint64(b, c)
	}
	return b
}

// parseAccount reads the account that another process wrote. It uses the memory of the slices of into.
func parseAccount(b []byte, into account) (a account, err error) {
	if len(b) < accountSize {
		return a, fmt.Errorf("parse an account: it has %d bytes, fewer than %d", len(b), accountSize)
	}
	nr, nc := binary.NativeEndian.Uint32(b[accOffRanges:]), binary.NativeEndian.Uint32(b[accOffClaims:])
	if nr > maxRanges || nc > maxClaims || len(b) != accountSize+int(nr)*rangeSize+int(nc)*claimSize {
		return a, fmt.Errorf("parse an account: it has %d ranges, %d claims and %d bytes", nr, nc, len(b))
	}
	a = account{
		member: binary.NativeEndian.Uint64(b[accOffMember:]),
		pub: topic.PublisherID{
			Participant: registry.ID(binary.NativeEndian.Uint64(b[accOffParticipant:])), Number: binary.NativeEndian.Uint32(b[accOffPublisher:]),
		},
		first: binary.NativeEndian.Uint64(b[accOffFirst:]), acked: into.acked[:0], claims: into.claims[:0],
	}
	b = b[accountSize:]
	for range nr {
		s := span{binary.NativeEndian.Uint64(b), binary.NativeEndian.Uint64(b[8:])}
		if n := len(a.acked); s.first == 0 || s.last < s.first || s.last >= claimHeld || n > 0 && s.first <= a.acked[n-1].last+1 {
			return a, fmt.Errorf("parse an account: the range from %d to %d is not valid after the others", s.first, s.last)
		}
		a.acked = append(a.acked, s)
		b = b[rangeSize:]
	}
	for range nc {
		a.claims = append(a.claims, binary.NativeEndian.Uint64(b))
		b = b[claimSize:]
	}
	return a, nil
}

// accountKey is the key of an account: its publisher.
func accountKey(b []byte) string { return string(b[accOffParticipant : accOffPublisher+4]) }

// An announcement is what a member says of itself.
type announcement struct {
	member  uint64
	file    uint64   // in which it locks places
	joined  bool     // it takes part
	noticed []uint64 // members whose accounts it reads
}

func (a announcement) bytes() []byte {
	b := make([]byte, announcementSize, announcementSize+8*len(a.noticed))
	binary.NativeEndian.PutUint64(b[annOffMember:], a.member)
	binary.NativeEndian.PutUint64(b[annOffFile:], a.file)
	binary.NativeEndian.PutUint32(b[annOffNoticed:], uint32(len(a.noticed)))
	if a.joined {
		binary.NativeEndian.PutUint32(b[annOffJoined:], 1)
	}
	for _, n := range a.noticed {
		b = binary.NativeEndian.AppendUint64(b, n)
	}
	return b
}

func parseAnnouncement(b []byte) (a announcement, err error) {
	if len(b) < announcementSize || len(b) != announcementSize+8*int(binary.NativeEndian.Uint32(b[annOffNoticed:])) || len(b) > maxAnnouncement {
		return a, fmt.Errorf("parse the announcement of a member: it has %d bytes", len(b))
	}
	a = announcement{member: binary.NativeEndian.Uint64(b[annOffMember:]), file: binary.NativeEndian.Uint64(b[annOffFile:]), joined: binary.NativeEndian.Uint32(b[annOffJoined:]) != 0}
	for b = b[announcementSize:]; len(b) > 0; b = b[8:] {
		a.noticed = append(a.noticed, binary.NativeEndian.Uint64(b))
	}
	return a, nil
}

// sizes of the largest messages.
const (
	maxAccount      = accountSize + maxRanges*rangeSize + maxClaims*claimSize
	maxAnnouncement = announcementSize + 8*maxMembers
)

// contentOf appends a message to b and releases its sample. Of one that is too large it copies nothing, because any process that may publish on
// the topics of a group chooses the size.
func contentOf(s topic.Sample[[]byte], most int, b []byte) ([]byte, error) {
	defer s.Release()
	if n := len(s.Bytes()); n > most {
		return b, fmt.Errorf("read a message of a group: it has %d bytes, more than %d", n, most)
	}
	return s.AppendTo(b)
}

func codec(name string) serde.Codec[[]byte] {
	return serde.Opaque(serde.Type{Name: "group." + name, Encoding: "raw"})
}
