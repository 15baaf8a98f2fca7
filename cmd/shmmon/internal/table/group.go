package table

import "strings"

// maxDepth is the greatest number of segments of a name that make a group.
const maxDepth = 4

// GroupBy groups rows by so many segments of their names; 0 ends that.
func (t *Table[R]) GroupBy(segments int) {
	if t.Group == nil {
		return
	}
	t.depth, t.folded = max(0, min(segments, maxDepth)), nil
	t.arrange()
}

// Grouped returns the number of segments that make a group.
func (t *Table[R]) Grouped() int { return t.depth }

// Fold hides or shows the rows of the group under the cursor. It returns false if that is no group.
func (t *Table[R]) Fold() bool {
	if t.cursor >= len(t.visible) || !t.visible[t.cursor].group {
		return false
	}
	if t.folded == nil {
		t.folded = make(map[string]bool)
	}
	name := t.visible[t.cursor].key
	t.folded[name] = !t.folded[name]
	t.arrange()
	return true
}

// group puts the visible lines into groups, in the order in which the first row of each comes.
func (t *Table[R]) group() {
	if t.depth == 0 {
		return
	}
	var names []string
	members := make(map[string][]line)
	for _, l := range t.visible {
		name := prefix(t.Group(t.rows[l.row]), t.depth)
		if members[name] == nil {
			names = append(names, name)
		}
		members[name] = append(members[name], l)
	}
	t.visible = t.visible[:0]
	for _, name := range names {
		key := name + "/…" // no row's: no name ends in a slash and an ellipsis
		t.visible = append(t.visible, line{key: key, group: true, count: len(members[name])})
		if !t.folded[key] {
			t.visible = append(t.visible, members[name]...)
		}
	}
}

// prefix returns the first segments of a name, without the last one, which tells names of one group apart.
func prefix(name string, segments int) string {
	rest, end := strings.TrimPrefix(name, "/"), 0
	lead := len(name) - len(rest)
	for range segments {
		i := strings.IndexByte(rest[end:], '/')
		if i < 0 {
			break
		}
		end += i + 1
	}
	return strings.TrimSuffix(name[:lead+end], "/")
}
