package screen

import (
	"fmt"
	"strconv"

	tea "charm.land/bubbletea/v2"

	"github.com/shmbus/shmbus/cmd/internal/text"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/chart"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/table"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/theme"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/watch"
)

type share = watch.Share

func memoryPage(m *Model) *tablePage[share] {
	return &tablePage[share]{
		name: "Memory", wants: watch.WantMemory,
		Table: &table.Table[share]{
			Columns: memoryColumns(), Nothing: func() string {
				if m.inspection.Segments == nil {
					return "looking…"
				}
				return m.noTopics()
			},
			Key:   func(s share) string { return s.ID.String() },
			Group: func(s share) string { return s.Topic },
			Sign: func(s share) table.Sign {
				switch {
				case s.Unreadable:
					return table.Sign{Mark: "?", Level: theme.Faint}
				case s.Full:
					return table.Sign{Mark: "!", Level: theme.Warning}
				}
				return table.Sign{}
			},
		},
		rows: func(m *Model) []share {
			m.shares = m.memory.Of(m.view, m.inspection)
			return m.shares
		},
		of: func(s share) string { return s.Topic },
		open: func(m *Model, s share) tea.Cmd {
			if s.Topic == "" {
				return nil
			}
			return m.openTopic(s.Topic)
		},
		note: func(m *Model, _ share) string { return m.memoryNote() },
	}
}

func memoryColumns() []table.Column[share] {
	known := func(s share, v string) string {
		if !s.Inspected {
			return "-"
		}
		return v
	}
	inspected := func(name string, of func(share) any) func(share) []table.Saved {
		return saved(name, func(s share) any {
			if !s.Inspected {
				return nil
			}
			return of(s)
		})
	}
	return []table.Column[share]{
		{Head: "SEGMENT", Saved: saved("topic", func(s share) any { return s.Topic }), About: "topic of the publisher whose file it is, or the other files of a participant", Width: 18, Grow: true, Left: true,
			Cell: segmentCell, Order: table.Names(func(s share) string { return s.Topic })},
		{Head: "UNIT", Saved: saved("unit", func(s share) any { return s.Owner.Unit }), About: "owner", Width: 10, Grow: true, Left: true, Drop: 3, Cell: func(s share) string { return named(s.Owner.Unit) }},
		{Head: "BYTES", Saved: saved("bytes", func(s share) any { return s.File }), About: "memory that the file takes", Width: 8,
			Cell: func(s share) string { return bytesOr(s.File) }, Order: table.Most(func(s share) int64 { return s.File })},
		{Head: "GROWTH", Saved: saved("growth", func(s share) any { return s.Growth }), About: "since it was seen first", Width: 9, Drop: 1, Cell: growthCell,
			Order: table.Most(func(s share) int64 { return s.Growth })},
		{Head: "SLOTS", Saved: inspected("slots", func(s share) any { return s.Slots }), About: "slots ever made; messages of at most 104 bytes need none", Width: 5, Drop: 2,
			Cell: func(s share) string { return known(s, strconv.Itoa(s.Slots)) }, Order: table.Most(func(s share) int { return s.Slots })},
		{Head: "IN SLOTS", Saved: inspected("slot_bytes", func(s share) any { return s.SlotBytes }), About: "memory of the slots, of which a part may have been freed", Width: 8, Drop: 4,
			Cell: func(s share) string { return known(s, bytesOr(s.SlotBytes)) }, Order: table.Most(func(s share) int64 { return s.SlotBytes })},
		{Head: "LOANS", Saved: inspected("loans", func(s share) any { return s.Stats.Loans }), About: "slots that the application fills", Width: 5, Drop: 6,
			Cell: func(s share) string { return known(s, text.Count(s.Stats.Loans)) }, Order: table.Most(func(s share) uint64 { return s.Stats.Loans })},
		{Head: "KEYS", Saved: inspected("keys", func(s share) any { return s.Keys }), About: "keys that have a sample", Width: 5, Drop: 8,
			Cell: func(s share) string { return known(s, strconv.Itoa(s.Keys)) }, Order: table.Most(func(s share) int { return s.Keys })},
		{Head: "DEPTH", Saved: inspected("depth", func(s share) any { return s.Depth }), About: "messages that the ring keeps", Width: 5, Drop: 7,
			Cell: func(s share) string { return known(s, strconv.FormatUint(uint64(s.Depth), 10)) }, Order: table.Most(func(s share) uint32 { return s.Depth })},
		{Head: "PLACES", Saved: inspected("places", func(s share) any { return s.Places }), About: "subscriptions that the publisher admits, of 128", Width: 6, Drop: 5,
			Cell: func(s share) string { return known(s, strconv.Itoa(s.Places)) }, Order: table.Most(func(s share) int { return s.Places })},
	}
}

func segmentCell(s share) string {
	if s.ID.Number == 0 {
		return "(files of " + named(s.Owner.Unit) + ")"
	}
	return escape(s.Topic)
}

func growthCell(s share) string {
	switch {
	case s.Growth > 0:
		return "+" + text.Bytes(uint64(s.Growth))
	case s.Growth < 0:
		return "-" + text.Bytes(uint64(-s.Growth))
	}
	return "0 B"
}

// memoryNote is about the domain and its file system.
func (m *Model) memoryNote() string {
	s := "this domain " + bytesOr(watch.TotalBytes(m.shares))
	x := m.inspection
	if !x.SpaceOK {
		return s
	}
	kind := "a disk, not a tmpfs"
	if x.Space.Tmpfs {
		kind = "tmpfs"
	}
	if x.Space.Size == 0 {
		return s + ", " + kind + " without a limit"
	}
	used := float64(x.Space.Used()) / float64(x.Space.Size)
	return fmt.Sprintf("%s, %s %s %s used of %s", s, kind, chart.Bar(used, 10), bytesOr(x.Space.Used()), bytesOr(x.Space.Size))
}
