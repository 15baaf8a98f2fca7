package screen

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/shmbus/shmbus/cmd/internal/text"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/watch"
)

// A column is one column of the table.
type column struct {
	head  string
	width int  // cells; of the two columns that grow, the least
	grow  bool // takes what the others leave
	left  bool // text, to the left; figures stand to the right
	drop  int  // the column with the highest leaves first where there is no room; 0 never does
	cell  func(watch.Topic) string
	order func(a, b watch.Topic) int // the way people want to see it first: names up, figures down
}

const gap = 2 // cells between columns

// newColumns returns all columns in the order of the screen.
func newColumns() []column {
	name := func(of func(watch.Topic) string) func(a, b watch.Topic) int {
		return func(a, b watch.Topic) int { return strings.Compare(of(a), of(b)) }
	}
	return []column{
		{head: "TOPIC", width: 18, grow: true, left: true,
			cell:  func(t watch.Topic) string { return text.Escape(t.Name) },
			order: name(func(t watch.Topic) string { return t.Name })},
		{head: "TYPE", width: 12, grow: true, left: true, drop: 4, cell: typeCell,
			order: name(func(t watch.Topic) string { return t.Type })},
		{head: "ENCODING", width: 8, left: true, drop: 7,
			cell:  func(t watch.Topic) string { return text.Name(t.Encoding) },
			order: name(func(t watch.Topic) string { return t.Encoding })},
		{head: "PUB", width: 3, drop: 2,
			cell:  func(t watch.Topic) string { return strconv.Itoa(len(t.Publishers)) },
			order: most(func(t watch.Topic) int { return len(t.Publishers) })},
		{head: "SUB", width: 3, drop: 2,
			cell:  func(t watch.Topic) string { return strconv.Itoa(subscribers(t)) },
			order: most(subscribers)},
		{head: "MSG/S", width: 6,
			cell:  func(t watch.Topic) string { return text.Rate(t.Rate) },
			order: most(func(t watch.Topic) float64 { return t.Rate })},
		{head: "BANDWIDTH", width: 9, drop: 3,
			cell:  func(t watch.Topic) string { return text.Bandwidth(t.Bandwidth) },
			order: most(func(t watch.Topic) float64 { return t.Bandwidth })},
		{head: "SIZE", width: 7, drop: 5,
			cell:  func(t watch.Topic) string { return text.Bytes(t.Size) },
			order: most(func(t watch.Topic) uint64 { return t.Size })},
		{head: "LOST", width: 6, drop: 1, cell: watch.Topic.LostText,
			order: most(func(t watch.Topic) uint64 { return t.Lost + t.LostShared })},
		{head: "P50", width: 8, drop: 6,
			cell:  func(t watch.Topic) string { return t.DelayText(t.P50) },
			order: most(func(t watch.Topic) int64 { return t.P50 })},
		{head: "P99", width: 8, drop: 2,
			cell:  func(t watch.Topic) string { return t.DelayText(t.P99) },
			order: most(func(t watch.Topic) int64 { return t.P99 })},
	}
}

// subscribers returns how many subscriptions hear the topic, or would if it had a publisher.
func subscribers(t watch.Topic) int {
	if len(t.Publishers) > 0 {
		return t.Connected
	}
	return len(t.Subscribers)
}

func typeCell(t watch.Topic) string {
	s := text.Name(t.Type)
	if t.MoreTypes > 0 {
		s += " +" + strconv.Itoa(t.MoreTypes)
	}
	return s
}

func most[V cmp.Ordered](of func(watch.Topic) V) func(a, b watch.Topic) int {
	return func(a, b watch.Topic) int { return cmp.Compare(of(b), of(a)) }
}

// A placed column is one that has room on the screen.
type placed struct {
	index int // in newColumns
	width int
}

// place chooses the columns that fit into width cells and gives each its width. The column with the index keep stays.
func place(all []column, topics []watch.Topic, width, keep int) []placed {
	var shown []placed
	for i, c := range all {
		shown = append(shown, placed{i, c.width})
	}
	total := func() int {
		n := -gap
		for _, p := range shown {
			n += p.width + gap
		}
		return n
	}
	for total() > width {
		worst, drop := 0, 0
		for i, p := range shown {
			if all[p.index].drop > drop && p.index != keep {
				worst, drop = i, all[p.index].drop
			}
		}
		if drop == 0 {
			break
		}
		shown = slices.Delete(shown, worst, worst+1)
	}
	// The names get what is left, the topic first, but no more than they need.
	room := width - total()
	if room < 0 {
		shown[0].width = max(len(all[0].head)+1, shown[0].width+room)
	}
	for i := range shown {
		c := all[shown[i].index]
		if !c.grow || room <= 0 {
			continue
		}
		need := c.width
		for _, t := range topics {
			need = max(need, text.Width(c.cell(t)))
		}
		more := min(room, need-c.width)
		shown[i].width += more
		room -= more
	}
	return shown
}

// fit writes a cell in exactly the given width.
func (c column) fit(s string, width int) string {
	switch {
	case !c.left:
		return text.Right(s, width)
	case c.grow:
		return text.Middle(s, width)
	}
	return text.Left(s, width)
}
