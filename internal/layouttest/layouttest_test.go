package layouttest

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const goodDocument = "" +
	"## File (`p`)\n\n" +
	"| offset | size | holds |\n|---|---|---|\n" +
	"| 0 | 4 | state: `open` = 0 |\n| 8 | 8 | head |\n| 16 | 16 | ″ |\n| 32 | 8*depth | ring |\n\n" +
	"`entry` = 0x20 bytes, `other` =\n32. `magic` = `abc`, `name` = text.\n\n" +
	"## Steps\n\n" +
	"| step | writes | seen | left |\n|---|---|---|---|\n" +
	"| `publish.copy` | payload | - | - |\n| `publish.word` | ring word | the sample | ″ |\n"

const goodSource = `package p

import "example.org/absent"

// A file.
//
//	offset  size     constant  holds
//	0       4        offState  state: 0 open
//	8       8        offHead   head
//	16      16       offName   name
//	32      8*depth  offRing   ring
//
// That was it.
const (
	offState = 0
	offHead  = 2 * 4
	offName  = offHead + 8
	offRing  = offName + 16
)

const (
	open  = iota
	entry = 1 << 5
	other = entry
	twice = 2 * entry
	magic = "abc"
)

const foreign = absent.Constant

func f(b []byte, depth int) {
	word32(offState)
	native.PutUint64(b[offHead:], 1)
	absent.Uint64s(b, offRing, depth)
	_ = b[offName:offRing]
}
`

// check runs Check over a package that consists of these texts.
func check(t *testing.T, document, source string) ([]string, error) {
	t.Helper()
	root := t.TempDir()
	for name, text := range map[string]string{"docs/format.md": document, "p/layout.go": source, "p/b.go": "package p\n\nconst elsewhere = 1\n"} {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return Package{
		Name: "p", Root: root, Files: []string{"layout.go"}, Field: regexp.MustCompile("^off"),
		Sizes: map[string]int{"offName": 16}, Ends: map[string]int{"File": 32},
	}.Check()
}

func TestWhatAgreesIsRight(t *testing.T) {
	wrong, err := check(t, goodDocument, strings.Replace(goodSource, "const foreign = absent.Constant\n", "", 1))
	if err != nil || len(wrong) != 0 {
		t.Errorf("wrongly: %q, %v", wrong, err)
	}
}

func TestEveryDifferenceIsFound(t *testing.T) {
	source := strings.Replace(goodSource, "const foreign = absent.Constant\n", "", 1)
	for name, c := range map[string]struct{ document, source, want string }{
		"a constant that moved":                {goodDocument, strings.Replace(source, "2 * 4", "3 * 4", 1), "offHead is at 8 here, the constant is 12"},
		"a constant that is not known here":    {goodDocument, goodSource, "the document has no value of foreign"},
		"an offset that is not listed":         {goodDocument, source + "\nconst offNew = 4\n", "no table in a comment has offNew"},
		"an offset not in a comment":           {strings.Replace(goodDocument, "| 8 |", "| 4 | 4 | new |\n| 8 |", 1), source + "\nconst offNew = 4\n", "has 5 rows"},
		"a value that is not listed":           {goodDocument, source + "\nconst fresh = 4\n", "the document has no value of fresh"},
		"a value that differs":                 {strings.Replace(goodDocument, "0x20", "31", 1), source, "entry is 31 here, the constant is 32"},
		"a text that differs":                  {strings.Replace(goodDocument, "`abc`", "`abd`", 1), source, "magic is abd here"},
		"a value without a constant":           {strings.Replace(goodDocument, "`other`", "`gone`", 1), source, "there is no constant gone"},
		"a value in a table that differs":      {strings.Replace(goodDocument, "`open` = 0", "`open` = 1", 1), source, "open is 1 here, the constant is 0"},
		"a value on the next line":             {strings.Replace(goodDocument, "=\n32", "=\n33", 1), source, "other is 33 here, the constant is 32"},
		"a value that is computed and differs": {goodDocument + "\n## More (`p`)\n\n`twice` = 65\n", source, "twice is 65 here, the constant is 64"},
		"a value of no package":                {goodDocument + "\n`other` = 32\n", source, "no heading says which package other is in"},
		"a field without a constant":           {goodDocument, strings.Replace(source, "offHead   head", "offTail   head", 1), "there is no constant offTail"},
		"a field that is no offset":            {goodDocument, strings.Replace(source, "offHead   head", "entry     head", 1), "entry is not an offset"},
		"a size unlike the access":             {goodDocument, strings.Replace(source, "8       8        offHead", "8       4        offHead", 1), "offHead has 4 bytes here, the access at"},
		"a size unlike Sizes":                  {goodDocument, strings.Replace(source, "16      16 ", "16      8  ", 1), "offName has 8 bytes here, and 16"},
		"words of another width":               {goodDocument, strings.Replace(source, "32      8*depth", "32      4*depth", 1), "is to words of 8"},
		"a size unlike the comment":            {strings.Replace(goodDocument, "| 8 | 8 |", "| 8 | 4 |", 1), source, "8 4 , but"},
		"a label unlike the comment":           {strings.Replace(goodDocument, "state:", "status:", 1), source, "0 4 status:, but"},
		"a size that nothing proves":           {goodDocument, strings.Replace(source, "word32(offState)", "", 1), "nothing says how many bytes offState has"},
		"fields that overlap":                  {strings.Replace(goodDocument, "| 0 | 4 |", "| 0 | 12 |", 1), source, "begins within the field before it"},
		"a field that is not aligned":          {goodDocument, strings.Replace(source, "8       8        offHead", "9       8        offHead", 1), "offHead at 9 is not aligned"},
		"a field with no end in the middle":    {strings.Replace(goodDocument, "| 8 | 8 |", "| 8 | - |", 1), source, "has no fixed size and is not the last"},
		"a field beyond the end":               {strings.Replace(goodDocument, "8*depth", "8", 1), source, "ends after the 32 bytes"},
		"a table under an unknown heading":     {strings.Replace(goodDocument, "## File", "## Pile", 1), source, `nothing says how long a "Pile" is`},
		"a heading without its table":          {strings.Replace(goodDocument, "## File", "## Pile", 1), source, `no table of fields under the heading "File"`},
		"a comment that differs":               {goodDocument, strings.Replace(source, "16      16 ", "16      12 ", 1), "16 16 , but"},
		"a comment with a row less":            {goodDocument, strings.Replace(source, "//	8       8        offHead   head\n", "", 1), "has 4 rows"},
		"a comment without a table":            {goodDocument, strings.Replace(source, "offset  size     constant", "offset  size     field", 1), "the comments have 0"},
		"an empty table":                       {goodDocument + "\n## File (`p`)\n\n| offset | size | holds |\n|---|---|---|\n", source, "the table is empty"},
		"other columns":                        {strings.Replace(goodDocument, "| holds |", "| has |", 1), source, "a table of fields has the columns"},
		"other columns of steps":               {strings.Replace(goodDocument, "| left |", "| dead |", 1), source, "a table of steps has the columns"},
		"a table of no package":                {strings.Replace(goodDocument, " (`p`)", "", 1), source, "no heading says which package"},
		"an offset that is no number":          {strings.Replace(goodDocument, "| 8 | 8 |", "| x | 8 |", 1), source, `"x" is not an offset`},
		"a row with too few cells":             {strings.Replace(goodDocument, " | head |\n", " |\n", 1), source, "2 cells in a table of 3 columns"},
		"an empty cell":                        {strings.Replace(goodDocument, "| ring |", "| |", 1), source, "a cell is empty"},
		"a first row that repeats":             {strings.Replace(goodDocument, "| payload |", "| ″ |", 1), source, "there is no cell above"},
		"a step without a name":                {strings.Replace(goodDocument, "`publish.copy`", "copies", 1), source, "not the name of a step"},
		"a row in a comment that is no row":    {goodDocument, strings.Replace(source, "//	8       8        offHead   head\n", "//	8 head\n", 1), "not a row of a table"},
		"a row in a comment without an offset": {goodDocument, strings.Replace(source, "//	8       8        offHead", "//	eight   8        offHead", 1), `"eight" is not an offset`},
	} {
		t.Run(name, func(t *testing.T) {
			if c.document == goodDocument && c.source == source {
				t.Fatal("the case changes nothing")
			}
			wrong, err := check(t, c.document, c.source)
			if err != nil {
				wrong = append(wrong, err.Error())
			}
			if !slices.ContainsFunc(wrong, func(w string) bool { return strings.Contains(w, c.want) }) {
				t.Errorf("got %q, want one with %q", wrong, c.want)
			}
		})
	}
}

func TestEveryTableOfTheDocumentIsChecked(t *testing.T) {
	d, err := readDocument("../../docs/format.md")
	if err != nil {
		t.Fatal(err)
	}
	var tested []string
	err = filepath.WalkDir("../..", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || filepath.Base(path) != "layout_test.go" {
			return err
		}
		test, err := os.ReadFile(path)
		if strings.Contains(string(test), "layouttest.Package{") {
			tested = append(tested, strings.TrimPrefix(filepath.ToSlash(filepath.Dir(path)), "../../"))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	documented := slices.Sorted(slices.Values(d.packages))
	if slices.Sort(tested); len(tested) == 0 || !slices.Equal(tested, documented) {
		t.Errorf("the document has tables of %q, the packages with a test that compares them are %q", documented, tested)
	}
}

func TestEveryStepHasItsOwnName(t *testing.T) {
	steps, err := Steps("../..")
	if err != nil {
		t.Fatal(err)
	}
	if len(steps) == 0 {
		t.Fatal("the document has no steps")
	}
	slices.Sort(steps)
	for i, s := range steps[1:] {
		if s == steps[i] {
			t.Errorf("%s stands for two steps", s)
		}
	}
}
