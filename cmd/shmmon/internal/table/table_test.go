package table

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"
	"github.com/google/go-cmp/cmp"

	"github.com/shmbus/shmbus/cmd/internal/text"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/theme"
)

// A fruit is a row with a name, a kind and ten figures.
type fruit struct {
	name, kind string
	figures    [10]int
}

func newTable(rows ...fruit) *Table[fruit] {
	name := func(f fruit) string { return f.name }
	t := &Table[fruit]{
		Key: name, Group: name,
		Columns: []Column[fruit]{
			{Head: "NAME", Width: 10, Grow: true, Left: true, Cell: name},
			{Head: "KIND", Width: 8, Grow: true, Left: true, Drop: 11, Cell: func(f fruit) string { return f.kind }},
		},
		Sign: func(f fruit) Sign {
			if f.figures[0] > 90 {
				return Sign{"!", theme.Problem}
			}
			return Sign{}
		},
		Nothing: func() string { return "nothing grows" },
	}
	for i := range 10 {
		of := func(f fruit) int { return f.figures[i] }
		t.Columns = append(t.Columns, Column[fruit]{Head: fmt.Sprint("F", i), Width: 5, Drop: i, Order: Most(of),
			Cell: func(f fruit) string { return strconv.Itoa(of(f)) }})
	}
	t.Set(rows)
	t.Resize(120, 10)
	return t
}

func basket() []fruit {
	all := []fruit{{name: "tree/apple", kind: "pome"}, {name: "tree/pear", kind: "pome"}, {name: "bush/berry/blue", kind: "berry"}, {name: "bush/berry/red", kind: "berry"}, {name: "kiwi", kind: "vine"}}
	for i := range all {
		for k := range 10 {
			all[i].figures[k] = (i*7 + k*3) % 11
		}
	}
	return all
}

func names(t *Table[fruit]) (all []string) {
	for _, l := range t.visible {
		if l.group {
			all = append(all, "["+l.key+"]")
			continue
		}
		all = append(all, t.rows[l.row].name)
	}
	return all
}

func screen(t *Table[fruit]) string {
	s := theme.New()
	return ansi.Strip(strings.Join(t.Lines(&s), "\n"))
}

// Each column can be sorted by, those after the ninth too, and has an arrow.
func TestTable_SortByEveryColumn(t *testing.T) {
	x := newTable(basket()...)
	for i := range x.Columns {
		if i > 0 {
			x.SortNext(1)
		}
		c := x.Columns[i]
		if x.Sorted() != c.Head {
			t.Fatalf("column %d: sorted by %s", i, x.Sorted())
		}
		head, _, _ := strings.Cut(screen(x), "\n")
		if !strings.Contains(head, "↓"+c.Head) && !strings.Contains(head, c.Head+"↑") {
			t.Errorf("no arrow at %s: %q", c.Head, head)
		}
		if i >= 2 && !slices.IsSortedFunc(x.visible, func(a, b line) int { return x.rows[b.row].figures[i-2] - x.rows[a.row].figures[i-2] }) {
			t.Errorf("by %s: %v", c.Head, names(x))
		}
	}
	if x.SortNext(1); x.Sorted() != "NAME" {
		t.Errorf("after the last comes %s", x.Sorted())
	}
	if x.SortNext(-1); x.Sorted() != "F9" {
		t.Errorf("before the first comes %s", x.Sorted())
	}
	x.SortBy(0)
	first := names(x)
	x.SortBy(0)
	slices.Reverse(first)
	if diff := cmp.Diff(first, names(x)); diff != "" {
		t.Errorf("twice the same column does not reverse: %s", diff)
	}
}

// One long name leaves the other columns that grow their part.
func TestTable_LongNameSharesTheRoom(t *testing.T) {
	rows := basket()
	rows[0].name = strings.Repeat("long/", 50)
	rows[1].kind = "a kind of thirty characters..."
	x := newTable(rows...)
	x.Resize(200, 10)
	if !strings.Contains(screen(x), rows[1].kind) {
		t.Errorf("the kind is cut:\n%s", screen(x))
	}
}

func TestTable_CursorStaysOnItsRow(t *testing.T) {
	x := newTable(basket()...)
	x.Move(1)
	r, _ := x.Picked()
	x.SortNext(3)
	x.Reverse()
	rows := basket()
	slices.Reverse(rows)
	x.Set(rows[1:])
	if now, ok := x.Picked(); !ok || now.name != r.name {
		t.Errorf("from %s to %s", r.name, now.name)
	}
	if x.Set(nil); x.Len() != 0 || !strings.Contains(screen(x), "nothing grows") {
		t.Error(screen(x))
	}
	if _, ok := x.Picked(); ok {
		t.Error("a row of an empty table")
	}
}

func TestTable_ScrollingKeepsTheCursorInSight(t *testing.T) {
	var many []fruit
	for i := range 100 {
		many = append(many, fruit{name: fmt.Sprintf("t%03d", i)})
	}
	x := newTable(many...)
	for _, n := range []int{99, -99, 9, 9, 1, -9, 50, -3, 200} {
		x.Move(n)
		if r, _ := x.Picked(); !strings.Contains(screen(x), ">  "+r.name) {
			t.Fatalf("%s is out of sight:\n%s", r.name, screen(x))
		}
	}
	if x.Resize(120, 5); !strings.Contains(screen(x), ">  t099") {
		t.Errorf("a smaller table lost the cursor:\n%s", screen(x))
	}
	if x.Resize(120, 61); !strings.Contains(screen(x), "t040") || strings.Contains(screen(x), "t039") {
		t.Errorf("a larger table is not filled:\n%s", screen(x))
	}
}

func TestTable_Groups(t *testing.T) {
	x := newTable(basket()...)
	x.GroupBy(1)
	want := []string{"[bush/…]", "bush/berry/blue", "bush/berry/red", "[/…]", "kiwi", "[tree/…]", "tree/apple", "tree/pear"}
	if diff := cmp.Diff(want, names(x)); diff != "" {
		t.Error(diff)
	}
	if x.Fold() {
		t.Error("a row was folded")
	}
	x.MoveTo(0)
	if _, ok := x.Picked(); ok || !x.Fold() || x.Len() != 6 || !strings.Contains(screen(x), "▸ bush (2)") {
		t.Errorf("not folded:\n%s", screen(x))
	}
	if x.Fold(); x.Len() != 8 {
		t.Error("not unfolded")
	}
	if x.GroupBy(2); !strings.Contains(screen(x), "bush/berry (2)") {
		t.Errorf("by two segments:\n%s", screen(x))
	}
	if x.GroupBy(0); x.Len() != 5 {
		t.Error("groups stay")
	}
}

func TestTable_ColumnsAreChosen(t *testing.T) {
	x := newTable(basket()...)
	x.SortBy(5)
	x.Choose(5, false)
	if x.Shown(5) || x.Sorted() != "NAME" || strings.Contains(screen(x), "F3") {
		t.Errorf("F3 is there:\n%s", screen(x))
	}
	if x.Choose(0, false); !x.Shown(0) {
		t.Error("the first column went")
	}
	if x.Choose(5, true); !strings.Contains(screen(x), "F3") {
		t.Error("F3 does not come back")
	}
	if x.Column("f3") != 5 || x.Column("f33") != -1 {
		t.Error("columns are not found by head")
	}
}

func TestTable_WideScrollsSideways(t *testing.T) {
	rows := basket()
	rows[0].name = strings.Repeat("long/", 30)
	x := newTable(rows...)
	x.Resize(40, 10)
	if x.Sideways(10); strings.Contains(screen(x), "F9") {
		t.Fatalf("all columns fit:\n%s", screen(x))
	}
	x.Wide()
	if x.Sideways(1000); !strings.Contains(screen(x), "F9") || strings.Contains(screen(x), "NAME") {
		t.Errorf("the last column is out of sight:\n%s", screen(x))
	}
	if x.Sideways(-1000); !strings.Contains(screen(x), rows[0].name[:37]) {
		t.Errorf("the name is cut:\n%s", screen(x))
	}
}

func TestTable_EverySizeHoldsTheLines(t *testing.T) {
	rows := append(basket(), fruit{name: "漢字漢字漢字/漢字漢字", kind: "漢", figures: [10]int{99}})
	for _, wide := range []bool{false, true} {
		x := newTable(rows...)
		if x.GroupBy(1); wide {
			x.Wide()
		}
		for w := range 130 {
			for h := range 12 {
				x.Resize(w, h)
				x.SortNext(1)
				x.Sideways(3)
				lines := strings.Split(screen(x), "\n")
				if h > 0 && len(lines) != h {
					t.Fatalf("%d lines of %d", len(lines), h)
				}
				for _, l := range lines {
					if text.Width(l) > w {
						t.Fatalf("%d cells of %d: %q", text.Width(l), w, l)
					}
				}
			}
		}
	}
}

func TestTable_PointsOfTheMouse(t *testing.T) {
	x := newTable(basket()...)
	head, _, _ := strings.Cut(screen(x), "\n")
	if i := x.HeadAt(text.Width(head[:strings.Index(head, "F7")])); i != 9 {
		t.Errorf("column %d is at F7", i)
	}
	if x.HeadAt(0) != -1 || x.HeadAt(500) != -1 {
		t.Error("a column beside the table")
	}
	if r, _ := x.Picked(); !x.LineAt(3) || x.Cursor() != 2 {
		t.Errorf("%v is at line 3", r)
	}
	if x.LineAt(0) || x.LineAt(6) || x.LineAt(-1) {
		t.Error("a row where none is")
	}
}

func TestTable_Saved(t *testing.T) {
	x := newTable(basket()...)
	for i := 2; i < 12; i++ {
		x.Choose(i, false)
	}
	x.SetFilter(NewFilter("tree"))
	x.Reverse()
	var csv, js bytes.Buffer
	if err := x.WriteCSV(&csv); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff("name,kind\ntree/pear,pome\ntree/apple,pome\n", csv.String()); diff != "" {
		t.Error(diff)
	}
	if err := x.WriteJSON(&js); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(strings.Fields(js.String()), ""); got != `[{"kind":"pome","name":"tree/pear"},{"kind":"pome","name":"tree/apple"}]` {
		t.Error(got)
	}
}
