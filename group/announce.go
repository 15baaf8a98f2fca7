package group

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/shmbus/shmbus/internal/errdefs"
	"github.com/shmbus/shmbus/internal/failpoint"
	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/topic"
)

// enter makes this process a member and returns when every other member reads its accounts, and it theirs.
func (c *core) enter(ctx context.Context) error {
	base := placesOf(c.topic, c.group)
	unread := map[uint64]bool{} // members whose accounts were not read yet when their places were locked
	for introduced := false; ; {
		if !introduced {
			if err := c.introduce(ctx, base, unread); err != nil {
				return err
			}
		}
		missing, left, err := c.unnoticed(base, unread)
		if missing == "" && !left || err != nil {
			return err
		}
		// Only members that notice this one after that member left are sure to say what that one acknowledged.
		if introduced = !left; left {
			clear(unread)
		}
		if pause(ctx) != nil {
			return fmt.Errorf("join group %q of topic %q: %s has not taken notice of this member; continue or end it if it is stopped: %w",
				c.group, c.topic, missing, ctx.Err())
		}
	}
}

// introduce locks the place of a new number, notes which members there are, and then publishes that there is this one.
func (c *core) introduce(ctx context.Context, base int64, unread map[uint64]bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.failure != nil {
		return c.failure
	}
	number := newNumber()
	ok, err := c.places.TryLock(base + int64(number))
	if err == nil && !ok {
		err = fmt.Errorf("join group %q of topic %q: another member has the number %d; try again", c.group, c.topic, number)
	}
	if err == nil && c.number != 0 {
		err = c.places.Unlock(base + int64(c.number))
	}
	if err != nil {
		return err
	}
	failpoint.At("group.enter")
	// From here on each member that comes looks for this one. Those that are there may leave before they are noticed.
	places, err := c.places.Locked(base, base+1<<memberBits, maxMembers)
	if err != nil {
		return err
	}
	for _, place := range places {
		unread[uint64(place-base)] = true
	}
	c.number, c.said, c.taken, c.follows = number, announcement{}, map[topic.PublisherID]uint64{}, false
	if _, err := c.accountPub.Publish(ctx, account{member: c.number}.appendTo(nil)); err != nil {
		return err
	}
	a := announcement{member: c.number, file: c.file}
	if _, err := c.announcePub.Publish(ctx, a.bytes()); err != nil {
		return err
	}
	c.said = a
	failpoint.At("group.announce")
	return nil
}

// unnoticed describes a member that has not noticed this one yet, or the reverse. left says that a member is gone whose accounts were not
// read.
func (c *core) unnoticed(base int64, unread map[uint64]bool) (missing string, left bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.failure != nil {
		return "", false, c.failure
	}
	places, err := c.places.Locked(base, base+1<<memberBits, maxMembers)
	if err != nil {
		return "", false, err
	}
	if len(places) >= maxMembers {
		return "", false, &errdefs.LimitError{What: fmt.Sprintf("members of group %q of topic %q", c.group, c.topic), Limit: maxMembers, Remedy: "end some, or use another group"}
	}
	if err := c.drain(); err != nil {
		return "", false, err
	}
	for _, a := range c.peers.announced {
		if a.file != c.file {
			return "", false, fmt.Errorf("join group %q of topic %q: the registry file of the domain was replaced while the group had members; end all members first", c.group, c.topic)
		}
	}
	if err := c.announce(); err != nil {
		return "", false, err
	}
	for _, h := range c.told(c.number) {
		c.follows = true
		for pub, first := range h.first {
			if old, ok := c.taken[pub]; first != unaccounted && (!ok || first < old) {
				c.taken[pub] = first
			}
		}
	}
	here := map[uint64]bool{}
	for _, place := range places {
		member := uint64(place - base)
		here[member] = true
		readable := c.readable(member)
		if readable {
			delete(unread, member)
		} else {
			unread[member] = true
		}
		if known, process := c.knows(member, c.number); !known || !readable {
			missing = "another member"
			if process.PID != 0 {
				missing = fmt.Sprintf("%s, pid %d,", process.Unit, process.PID)
			}
		}
	}
	for member := range unread {
		left = left || !here[member]
	}
	return missing, left, nil
}

// announce publishes which members this one has noticed, if that changed. Before, it publishes what it knows itself, which a new member
// may not find any more with others. The caller holds mu.
func (c *core) announce() error {
	if c.said.member == 0 { // it has not introduced itself
		return nil
	}
	noticed, missing := c.noticed()
	c.missing = missing
	if c.said.joined == c.joined && slices.Equal(noticed, c.said.noticed) {
		return nil
	}
	c.missing = true
	c.accountForAll()
	if err := c.publishBooks(true); err != nil {
		return err
	}
	a := announcement{member: c.number, file: c.file, joined: c.joined, noticed: noticed}
	if _, err := c.announcePub.Publish(context.Background(), a.bytes()); err != nil {
		return err
	}
	if a.joined != c.said.joined {
		failpoint.At("group.join")
	} else {
		failpoint.At("group.notice")
	}
	c.said, c.missing = a, missing
	return nil
}

// hearAnnouncements enters the announcements of members as they come.
func (c *core) hearAnnouncements(ctx context.Context) error {
	for {
		s, err := c.announcements.Receive(ctx)
		if err != nil {
			return err
		}
		b, err := contentOf(s, maxAnnouncement, nil)
		if err != nil || s.Publisher() == c.announcePub.ID() {
			continue
		}
		a, err := parseAnnouncement(b)
		if err != nil {
			continue // a member that is not ours wrote it
		}
		if err := c.welcome(s.Publisher(), s.Participant(), a); err != nil {
			return err
		}
	}
}

// welcome enters an announcement, and announces that its member was noticed.
func (c *core) welcome(from topic.PublisherID, process registry.Participant, a announcement) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.peers.announced[from]; !ok && len(c.peers.announced) >= maxMembers {
		return nil
	}
	c.peers.announced[from], c.processes[from] = a, process
	if err := c.drain(); err != nil {
		return err
	}
	_ = c.announce() // poll tries again
	c.notify()
	return nil
}

// poll reads accounts again and again while this member keeps samples or waits for a member's accounts, and says so while it has no room.
func (c *core) poll(ctx context.Context) error {
	for {
		c.mu.Lock()
		idle, ch, err := len(c.kept) == 0 && !c.missing, c.changed, c.failure
		if !idle && err == nil {
			err = c.drain()
			_ = errors.Join(c.publishBooks(false), c.announce()) // the next time
			if c.joined && c.room(c.maxPending, c.maxBytes) == 0 {
				c.reset() // publishers tell it so from one that is stopped
				failpoint.At("group.full")
			}
			c.notify()
		}
		c.mu.Unlock()
		if err != nil {
			return err
		}
		if idle {
			err = await(ctx, ch)
		} else {
			err = pause(ctx)
		}
		if err != nil {
			return err
		}
	}
}

func pause(ctx context.Context) error {
	select {
	case <-time.After(pollInterval):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// newNumber chooses the number of a member.
func newNumber() uint64 {
	var b [4]byte
	rand.Read(b[:])
	return max(1, uint64(binary.NativeEndian.Uint32(b[:])))
}
