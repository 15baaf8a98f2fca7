package repotest

import (
	"fmt"
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"unicode"
)

// A page is a document with its code told from its prose.
type page struct {
	path   string
	prose  []string // lines, empty where there is code
	blocks []block
}

// A block is code that stands in lines of its own.
type block struct {
	line  int    // of its first line, from 1
	info  string // what stands behind the opening fence; "indented" without a fence
	mark  string // the HTML comment above it
	lines []string
}

var markAbove = regexp.MustCompile(`^<!-- (.*) -->$`)

func readPage(name string, text []byte) page {
	p := page{path: name}
	var open *block
	last, mark := "", ""
	for i, line := range strings.Split(string(text), "\n") {
		fence, isFence := strings.CutPrefix(line, "```")
		plain := ""
		switch {
		case open != nil && isFence:
			p.blocks, open = append(p.blocks, *open), nil
			mark = ""
		case open != nil:
			open.lines = append(open.lines, line)
		case isFence:
			open = &block{line: i + 2, info: strings.TrimSpace(fence), mark: mark}
		case strings.HasPrefix(line, "    "):
			if n := len(p.blocks); n > 0 && p.blocks[n-1].info == "indented" && p.blocks[n-1].line+len(p.blocks[n-1].lines) == i+1 {
				p.blocks[n-1].lines = append(p.blocks[n-1].lines, line)
			} else if last == "" {
				p.blocks = append(p.blocks, block{line: i + 1, info: "indented", lines: []string{line}})
			}
		case line != "":
			plain, mark = line, ""
			if m := markAbove.FindStringSubmatch(line); m != nil {
				mark = m[1]
			}
		}
		p.prose = append(p.prose, plain)
		last = line
	}
	return p
}

// documents are what the rules below hold for.
func documents(tree fs.FS) (pages []page, err error) {
	below, err := fs.Glob(tree, "docs/*.md")
	if err != nil {
		return nil, err
	}
	for _, name := range append([]string{"README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", "model/README.md"}, below...) {
		text, err := fs.ReadFile(tree, name)
		if err != nil {
			return nil, err
		}
		pages = append(pages, readPage(name, text))
	}
	return pages, nil
}

// fragments wants every piece of Go to be a piece of a program that is compiled, and every output that names an example to
// be what that example prints.
func fragments(tree fs.FS, pages []page) (wrong []string) {
	for _, p := range pages {
		for _, b := range p.blocks {
			at := fmt.Sprintf("%s:%d: ", p.path, b.line)
			words := strings.Fields(b.mark)
			switch {
			case len(words) >= 2 && words[0] == "from":
				if err := contained(tree, words[1], words[2:], b.lines); err != nil {
					wrong = append(wrong, at+err.Error())
				}
			case len(words) == 4 && words[0] == "output" && words[1] == "of":
				if err := printed(tree, words[2], words[3], b.lines); err != nil {
					wrong = append(wrong, at+err.Error())
				}
			case b.info == "go":
				wrong = append(wrong, at+"Go without a mark that says where it is from, such as <!-- from topic/example_test.go ExamplePublisher_Loan -->")
			}
		}
	}
	return wrong
}

// contained looks for lines one after the other in a file, or in one declaration of it, however far they are indented there.
func contained(tree fs.FS, name string, decl, lines []string) error {
	text, err := fs.ReadFile(tree, name)
	if err != nil {
		return err
	}
	where := name
	if len(decl) > 0 {
		if text, err = declaration(name, text, decl[0]); err != nil {
			return err
		}
		where += " " + decl[0]
	}
	have, want := strings.Split(string(text), "\n"), dedent(lines)
	if len(want) == 0 {
		return fmt.Errorf("an empty fragment")
	}
	for i := range have {
		if i+len(want) <= len(have) && slices.Equal(dedent(have[i:i+len(want)]), want) {
			return nil
		}
	}
	return fmt.Errorf("this is not in %s:\n%s", where, strings.Join(lines, "\n"))
}

func declaration(name string, text []byte, decl string) ([]byte, error) {
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, name, text, parser.ParseComments)
	if err != nil {
		return nil, err
	}
	for _, d := range file.Decls {
		found := false
		switch d := d.(type) {
		case *ast.FuncDecl:
			found = d.Name.Name == decl
		case *ast.GenDecl:
			for _, s := range d.Specs {
				t, ok := s.(*ast.TypeSpec)
				found = found || ok && t.Name.Name == decl
			}
		}
		if found {
			return text[fset.Position(d.Pos()).Offset:fset.Position(d.End()).Offset], nil
		}
	}
	return nil, fmt.Errorf("%s declares no %s", name, decl)
}

// printed compares lines with the output that go test holds an example to.
func printed(tree fs.FS, name, example string, lines []string) error {
	text, err := fs.ReadFile(tree, name)
	if err != nil {
		return err
	}
	file, err := parser.ParseFile(token.NewFileSet(), name, text, parser.ParseComments)
	if err != nil {
		return err
	}
	for _, e := range doc.Examples(file) {
		if "Example"+e.Name != example {
			continue
		}
		if got, want := strings.Join(lines, "\n"), strings.TrimSpace(e.Output); strings.TrimSpace(got) != want {
			return fmt.Errorf("%s %s prints\n%s\nand not\n%s", name, example, want, got)
		}
		return nil
	}
	return fmt.Errorf("%s has no %s", name, example)
}

// dedent takes away the indentation that all lines have.
func dedent(lines []string) []string {
	indent := -1
	for _, l := range lines {
		if n := len(l) - len(strings.TrimLeft(l, "\t ")); strings.TrimSpace(l) != "" && (indent < 0 || n < indent) {
			indent = n
		}
	}
	var all []string
	for _, l := range lines {
		all = append(all, strings.TrimRight(l[min(max(indent, 0), len(l)):], "\t "))
	}
	return all
}

var (
	inlineCode = regexp.MustCompile("`[^`]+`")
	inlineLink = regexp.MustCompile(`\]\(([^()\s]+)\)`)
	heading    = regexp.MustCompile(`^#{1,6} +(.*)$`)

	pathInCode    = regexp.MustCompile(`(?:[ \x60]|\./|shmbus/)((?:bench|cmd|docs|doctor|integration|internal|model|record|registry|samples|serde|shmtransport|topic)/[\w./-]+)(?:[ \x60]|$)`)
	pathOfPackage = regexp.MustCompile(`(?:\./|github\.com/shmbus/shmbus/)((?:cmd|samples)/[\w/]+)`)
)

// links wants every link to a file of the repository to lead to one, and to a heading if it names one.
func links(tree fs.FS, pages []page) (wrong []string) {
	for _, p := range pages {
		for i, line := range p.prose {
			line = inlineCode.ReplaceAllStringFunc(line, func(code string) string { return strings.Repeat("x", len(code)) })
			for _, m := range inlineLink.FindAllStringSubmatch(line, -1) {
				if strings.Contains(m[1], "://") || strings.HasPrefix(m[1], "mailto:") {
					continue
				}
				if err := resolve(tree, p, m[1]); err != nil {
					wrong = append(wrong, fmt.Sprintf("%s:%d: the link to %s leads nowhere: %v", p.path, i+1, m[1], err))
				}
			}
		}
	}
	return wrong
}

func resolve(tree fs.FS, p page, link string) error {
	name, anchor, hasAnchor := strings.Cut(link, "#")
	if name != "" {
		target := path.Join(path.Dir(p.path), name)
		if _, err := fs.Stat(tree, target); err != nil || !hasAnchor {
			return err
		}
		text, err := fs.ReadFile(tree, target)
		if err != nil {
			return err
		}
		p = readPage(target, text)
	}
	if !slices.Contains(anchors(p), anchor) {
		return fmt.Errorf("%s has no heading #%s", p.path, anchor)
	}
	return nil
}

// paths wants what the text names as a file or folder of the repository to be there.
func paths(tree fs.FS, pages []page) (wrong []string) {
	for _, p := range pages {
		for i, line := range p.prose {
			for _, code := range inlineCode.FindAllString(line, -1) {
				for _, m := range pathInCode.FindAllStringSubmatch(code, -1) {
					if _, err := fs.Stat(tree, strings.TrimSuffix(m[1], "/...")); err != nil {
						wrong = append(wrong, fmt.Sprintf("%s:%d: %v", p.path, i+1, err))
					}
				}
			}
		}
		for _, b := range p.blocks {
			for i, line := range b.lines {
				if m := pathOfPackage.FindStringSubmatch(line); m != nil {
					if _, err := fs.Stat(tree, m[1]); err != nil {
						wrong = append(wrong, fmt.Sprintf("%s:%d: %v", p.path, b.line+i, err))
					}
				}
			}
		}
	}
	return wrong
}

// anchors are the names that GitHub gives headings.
func anchors(p page) (all []string) {
	seen := map[string]int{}
	for _, line := range p.prose {
		m := heading.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		name := strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsNumber(r):
				return unicode.ToLower(r)
			}
			return -1
		}, m[1])
		seen[name]++
		if n := seen[name]; n > 1 {
			name = fmt.Sprintf("%s-%d", name, n-1)
		}
		all = append(all, name)
	}
	return all
}

func TestDocuments(t *testing.T) {
	tree := os.DirFS(".")
	pages, err := documents(tree)
	if err != nil {
		t.Fatal(err)
	}
	report := func(t *testing.T, wrong []string) {
		for _, w := range wrong {
			t.Error(w)
		}
	}
	t.Run("Go comes from programs", func(t *testing.T) { report(t, fragments(tree, pages)) })
	t.Run("links lead somewhere", func(t *testing.T) { report(t, links(tree, pages)) })
	t.Run("files are there", func(t *testing.T) { report(t, paths(tree, pages)) })
	t.Run("limits are the code's", func(t *testing.T) {
		want, err := limits()
		if err != nil {
			t.Fatal(err)
		}
		report(t, table(want, pages[0]))
	})
	t.Run("commands exist", func(t *testing.T) {
		dir := t.TempDir()
		names := []string{"cmd/shmmon", "cmd/shmrec", "cmd/shmperf", "samples/hostmetrics", "samples/demo"}
		programs := map[string]program{}
		for _, name := range names {
			binary := filepath.Join(dir, path.Base(name))
			if out, err := exec.Command("go", "build", "-o", binary, "./"+name).CombinedOutput(); err != nil {
				t.Fatalf("build %s: %v\n%s", name, err, out)
			}
			p, err := help(binary)
			if err != nil {
				t.Fatal(err)
			}
			programs[path.Base(name)] = p
		}
		report(t, commands(programs, pages))
	})
}

func TestEveryRuleOfDocumentsCanFail(t *testing.T) {
	tree := fstest.MapFS{
		"a/a_test.go": {Data: []byte("package a\n\nfunc ExampleA() {\n\tif x {\n\t\ty()\n\t}\n\t// Output: 1\n}\n\ntype T struct{ z int }\n")},
		"docs/b.md":   {Data: []byte("# Bee & B\n\n## Bee & B\n")},
	}
	programs := map[string]program{"shmmon": {"": {"--help"}, "list": {"--json", "-n"}}}
	check := map[string]func(p page) []string{
		"Go":       func(p page) []string { return fragments(tree, []page{p}) },
		"links":    func(p page) []string { return links(tree, []page{p}) },
		"paths":    func(p page) []string { return paths(tree, []page{p}) },
		"commands": func(p page) []string { return commands(programs, []page{p}) },
		"limits":   func(p page) []string { return table(map[string]string{"things": "5 KiB by default"}, p) },
	}
	const goBlock = "<!-- from a/a_test.go%s -->\n```go\n%s\n```\n"
	for rule, c := range map[string]struct{ breaks, keeps []string }{
		"Go": {
			breaks: []string{
				"```go\nx()\n```\n", "<!-- two commands -->\n```go\nx()\n```\n", "<!-- from a/b.go -->\n\ntext\n\n```go\nx()\n```\n",
				"<!-- from a/b.go -->\n```go\nx()\n```\n", fmt.Sprintf(goBlock, "", "if x {\n\tz()\n}"), fmt.Sprintf(goBlock, "", "if x {\ny()\n}"),
				fmt.Sprintf(goBlock, " ExampleB", "y()"), fmt.Sprintf(goBlock, " T", "y()"), fmt.Sprintf(goBlock, "", "if x {\n}"),
				"<!-- output of a/a_test.go ExampleA -->\n```\n2\n```\n", "<!-- output of a/a_test.go ExampleB -->\n```\n1\n```\n",
			},
			keeps: []string{
				fmt.Sprintf(goBlock, "", "if x {\n\ty()\n}"), fmt.Sprintf(goBlock, " ExampleA", "y()"), fmt.Sprintf(goBlock, " T", "type T struct{ z int }"),
				"<!-- output of a/a_test.go ExampleA -->\n```\n1\n```\n", "```sh\nls\n```\n",
			},
		},
		"links": {
			breaks: []string{"[b](c.md)", "[b](b.md#bee)", "[b](#bee)", "[b](b.md#bee--b-2)", "[b](../a/b_test.go)"},
			keeps:  []string{"[b](b.md)", "[b](b.md#bee--b), [b](b.md#bee--b-1)", "# Bee\n[b](#bee)", "[b](../a/a_test.go)", "`[b](c.md)`", "[b](https://c.md)"},
		},
		"paths": {
			breaks: []string{"`docs/a.md`", "`go run ./samples/a`", "    go install github.com/shmbus/shmbus/cmd/a", "```\ngo run ./samples/a --x\n```"},
			keeps:  []string{"`docs/b.md`, `robot/docs`, `docs/*`", "docs/a.md"},
		},
		"commands": {
			breaks: []string{
				"    shmmon lost", "    shmmon list --jason", "text `shmmon list -m 5`", "`--jason`", "```sh\n$ X=1 shmmon list --jason\n```",
				"```\ngo run ./cmd/shmmon list --jason\n```", "`shmmon --json`", "    ls\n    shmmon lost",
			},
			keeps: []string{
				"    shmmon list --json | jq --raw .x", "    shmmon list # --jason", "    shmmon list '#' -n 5", "`--json`, `shmmon --help`, `jq --raw`",
				"text\n    shmmon lost", "    cp shmmon lost",
			},
		},
		"limits": {
			breaks: []string{"", "## Limits\n| things | 6 KiB by default |", "## Limits\n| things | 5 KiB by default |\n| more | 1 |", "## Other\n| things | 5 KiB by default |"},
			keeps:  []string{"## Limits\n| what | limit |\n|---|---|\n| things | 5 KiB by default |"},
		},
	} {
		for _, text := range c.breaks {
			if len(check[rule](readPage("docs/a.md", []byte(text)))) == 0 {
				t.Errorf("%s: not found: %q", rule, text)
			}
		}
		for _, text := range c.keeps {
			if wrong := check[rule](readPage("docs/a.md", []byte(text))); len(wrong) > 0 {
				t.Errorf("%s: %q: wrongly: %v", rule, text, wrong)
			}
		}
	}
	for n, want := range map[int64]string{1 << 30: "1 GiB", 5 << 20: "5 MiB", 1000: "1000 bytes", 1 << 40: "1 TiB"} {
		if got := binary(n); got != want {
			t.Errorf("%d is %q, want %q", n, got, want)
		}
	}
}
