// Package repotest holds the tests of the repository as a whole: its documents, its commands and the rules that its code follows.
package repotest

import (
	"bytes"
	"errors"
	"fmt"
	"go/ast"
	"go/build/constraint"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/shmbus/shmbus"

// A source is one text file of the repository.
type source struct {
	path string // from the root, with slashes
	text []byte
	file *ast.File // nil unless it is Go
	fset *token.FileSet
}

func parse(name string, text []byte) (*source, error) {
	s := &source{path: name, text: text, fset: token.NewFileSet()}
	if path.Ext(name) != ".go" {
		return s, nil
	}
	var err error
	s.file, err = parser.ParseFile(s.fset, name, text, parser.ParseComments|parser.SkipObjectResolution)
	return s, err
}

func (s *source) dir() string { return path.Dir(s.path) }
func (s *source) test() bool  { return strings.HasSuffix(s.path, "_test.go") }

// generated reports whether a generator wrote the file, which does not know the rules for style.
func (s *source) generated() bool { return s.file != nil && ast.IsGenerated(s.file) }

func (s *source) at(n ast.Node) string {
	return fmt.Sprintf("%s:%d", s.path, s.fset.Position(n.Pos()).Line)
}

// top is the folder of the root that the file is in, "" for the root itself.
func top(name string) string {
	folder, _, below := strings.Cut(name, "/")
	if !below {
		return ""
	}
	return folder
}

func (s *source) under(folders ...string) bool { return slices.Contains(folders, top(s.path)) }

func (s *source) imports() map[string]ast.Node {
	all := map[string]ast.Node{}
	for _, spec := range s.file.Imports {
		if name, err := strconv.Unquote(spec.Path.Value); err == nil {
			all[name] = spec
		}
	}
	return all
}

// constraint returns the build constraint of the file, nil without one.
func (s *source) constraint() constraint.Expr {
	for _, group := range s.file.Comments {
		for _, c := range group.List {
			if e, err := constraint.Parse(c.Text); err == nil && c.Pos() < s.file.Package {
				return e
			}
		}
	}
	return nil
}

// failpointOnly reports whether the file is only in programs that tests build to end them at named steps.
func (s *source) failpointOnly() bool {
	e := s.constraint()
	return e != nil && !e.Eval(func(tag string) bool { return tag != "shmbus_failpoints" })
}

// A rule looks at all files and says what is wrong.
type rule struct {
	name  string
	check func(files []*source) []string
}

// perFile makes a check of all Go files from a check of one.
func perFile(check func(s *source) []string) func([]*source) []string {
	return func(files []*source) (wrong []string) {
		for _, s := range files {
			if s.file != nil {
				wrong = append(wrong, check(s)...)
			}
		}
		return wrong
	}
}

func rules() []rule {
	return []rule{
		{"imports go down the layers", perFile(layersDown)},
		{"imports are those of the architecture", arrowsDrawn},
		{"unsafe stays behind its doors", perFile(unsafeFenced)},
		{"the kernel stays behind its doors", perFile(kernelFenced)},
		{"no cgo", perFile(noCgo)},
		{"what is for tests is in no program", perFile(testsApart)},
		{"models have tests and no program", perFile(modelsApart)},
		{"every package says once what it is", packageComments},
		{"packages are few", fewPackages},
		{"each error condition has one type", errorTypes},
		{"files are not tiny", perFile(tinyFiles)},
		{"nothing runs before main", perFile(noInit)},
		{"files are named for what is in them", fileNames},
		{"no package-level state", perFile(noState)},
		{"libraries do not print", perFile(noPrinting)},
		{"files are short", perFile(shortFiles)},
		{"words are those of the glossary", vocabulary},
		{"nothing of one machine is in the tree", noMachinePaths},
		{"nothing that was built is in the tree", noBinaries},
	}
}

// layers gives every folder its height. A file may import what is lower, and what is in its own folder.
func layers() map[string]int {
	return map[string]int{
		"internal": 0,
		"registry": 1, "shmtransport": 1, "serde": 1,
		"topic": 2, "service": 3, "group": 3, "doctor": 3, "messages": 3,
		"param": 4, "record": 4,
		"cmd": 5, "samples": 5,
		"integration": 6, "bench": 6, "model": 6,
	}
}

func layersDown(s *source) (wrong []string) {
	from, known := layers()[top(s.path)]
	for name, spec := range s.imports() {
		to, ours := strings.CutPrefix(name, module+"/")
		if !ours {
			if name == module {
				wrong = append(wrong, fmt.Sprintf("%s imports the root, which holds no code", s.at(spec)))
			}
			continue
		}
		to = top(to + "/")
		height, exists := layers()[to]
		if !known || !exists || (height >= from && to != top(s.path)) {
			wrong = append(wrong, fmt.Sprintf("%s imports %s: %q may not use %q", s.at(spec), name, top(s.path), to))
		}
	}
	return wrong
}

func unsafeFenced(s *source) []string {
	spec := s.imports()["unsafe"]
	door := s.under("internal") && (strings.HasSuffix(s.path, "_unsafe.go") || s.dir() == "internal/futex")
	if spec == nil || door || s.test() || s.generated() {
		return nil
	}
	return []string{s.at(spec) + " imports unsafe; only internal/*/*_unsafe.go and internal/futex may"}
}

func kernelFenced(s *source) (wrong []string) {
	for name, spec := range s.imports() {
		if strings.HasPrefix(name, "golang.org/x/sys") && !s.under("internal") {
			wrong = append(wrong, fmt.Sprintf("%s imports %s outside internal/", s.at(spec), name))
		}
	}
	return wrong
}

func noCgo(s *source) []string {
	if spec := s.imports()["C"]; spec != nil {
		return []string{s.at(spec) + " uses cgo"}
	}
	return nil
}

// testsApart keeps out of programs what only tests need. No program is below integration, whose harness is used by tests only.
func testsApart(s *source) (wrong []string) {
	if s.under("integration") {
		return nil
	}
	for _, name := range []string{"testing", module + "/internal/layouttest"} {
		if spec := s.imports()[name]; spec != nil && !s.test() {
			wrong = append(wrong, fmt.Sprintf("%s imports %s, which is for tests", s.at(spec), name))
		}
	}
	return wrong
}

// modelsApart keeps programs out of the folder of the models, which describe the code and are not part of it.
func modelsApart(s *source) []string {
	if s.under("model") && !s.test() {
		return []string{s.path + " is Go that is no test, in the folder of the models"}
	}
	return nil
}

func noInit(s *source) (wrong []string) {
	if s.generated() {
		return nil
	}
	for _, d := range s.file.Decls {
		if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" && !s.test() {
			wrong = append(wrong, s.at(f)+" declares init")
		}
	}
	return wrong
}

func fileNames(files []*source) (wrong []string) {
	empty := []string{"util", "utils", "common", "helper", "helpers", "manager", "managers", "misc"}
	for _, s := range files {
		for _, word := range strings.FieldsFunc(strings.ToLower(s.path), func(r rune) bool { return strings.ContainsRune("/_-.", r) }) {
			if slices.Contains(empty, word) {
				wrong = append(wrong, fmt.Sprintf("%s: %q does not say what is in it", s.path, word))
			}
		}
	}
	return wrong
}

// noState forbids variables that outlive a call and can change: what is left are errors, patterns and tables.
func noState(s *source) (wrong []string) {
	if s.test() || s.failpointOnly() || s.generated() {
		return nil
	}
	for _, d := range s.file.Decls {
		decl, ok := d.(*ast.GenDecl)
		if !ok || decl.Tok != token.VAR {
			continue
		}
		for _, spec := range decl.Specs {
			v := spec.(*ast.ValueSpec)
			if v.Names[0].Name == "_" || embedded(decl.Doc) || embedded(v.Doc) {
				continue
			}
			if len(v.Values) == 0 || slices.ContainsFunc(v.Values, changeable) {
				wrong = append(wrong, fmt.Sprintf("%s: var %s is package-level state", s.at(v), v.Names[0].Name))
			}
		}
	}
	return wrong
}

func embedded(doc *ast.CommentGroup) bool {
	return doc != nil && slices.ContainsFunc(doc.List, func(c *ast.Comment) bool { return strings.HasPrefix(c.Text, "//go:embed ") })
}

// changeable tells what is certainly not meant to stay as it is from what is a constant that Go has no const for.
func changeable(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.CompositeLit:
		return packageOf(e.Type) == "sync" || packageOf(e.Type) == "atomic"
	case *ast.SelectorExpr: // such as binary.NativeEndian
		return false
	case *ast.CallExpr:
		switch name := callee(e); {
		case name == "errors.New", name == "fmt.Errorf", name == "regexp.MustCompile", name == "crc32.MakeTable",
			name == "template.Must", name == "reflect.TypeFor", strings.HasPrefix(name, "lipgloss."):
			return false
		}
	}
	return true
}

// callee is the function at the start of a chain of calls, such as "lipgloss.NewStyle".
func callee(call *ast.CallExpr) string {
	fun := call.Fun
	if index, ok := fun.(*ast.IndexExpr); ok {
		fun = index.X
	}
	sel, ok := fun.(*ast.SelectorExpr)
	if !ok {
		return ""
	}
	if inner, ok := sel.X.(*ast.CallExpr); ok {
		return callee(inner)
	}
	return packageOf(sel) + "." + sel.Sel.Name
}

func packageOf(e ast.Expr) string {
	if sel, ok := e.(*ast.SelectorExpr); ok {
		if x, ok := sel.X.(*ast.Ident); ok {
			return x.Name
		}
	}
	return ""
}

func noPrinting(s *source) (wrong []string) {
	if s.test() || s.under("cmd", "samples", "integration", "bench") {
		return nil
	}
	if spec := s.imports()["log"]; spec != nil {
		wrong = append(wrong, s.at(spec)+" imports log; take a *slog.Logger")
	}
	ast.Inspect(s.file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectorExpr:
			if packageOf(n) == "fmt" && strings.HasPrefix(n.Sel.Name, "Print") {
				wrong = append(wrong, fmt.Sprintf("%s prints with fmt.%s", s.at(n), n.Sel.Name))
			}
		case *ast.CallExpr:
			if f, ok := n.Fun.(*ast.Ident); ok && (f.Name == "println" || f.Name == "print") {
				wrong = append(wrong, fmt.Sprintf("%s prints with %s", s.at(n), f.Name))
			}
		}
		return true
	})
	return wrong
}

const maxLines = 600

func shortFiles(s *source) []string {
	if s.generated() {
		return nil
	}
	if n := bytes.Count(s.text, []byte("\n")); n > maxLines {
		return []string{fmt.Sprintf("%s has %d lines, more than %d", s.path, n, maxLines)}
	}
	return nil
}

func noMachinePaths(files []*source) (wrong []string) {
	// Put together here, so that this file passes.
	foreign := regexp.MustCompile(`(?:^|[^\w.-])/(?:wor` + `k|far` + `m)/|proxy\.gol` + `ang|registry\.npm` + `js`)
	for _, s := range files {
		if bytes.IndexByte(s.text, 0) >= 0 {
			continue // not text
		}
		for i, line := range bytes.Split(s.text, []byte("\n")) {
			if m := foreign.Find(line); m != nil {
				wrong = append(wrong, fmt.Sprintf("%s:%d names %q", s.path, i+1, m))
			}
		}
	}
	return wrong
}

// noBinaries lets pictures pass, and what tests read.
func noBinaries(files []*source) (wrong []string) {
	for _, s := range files {
		kept := strings.Contains(s.path, "/testdata/") || slices.Contains([]string{".png", ".gif", ".webp"}, path.Ext(s.path))
		if !kept && bytes.IndexByte(s.text, 0) >= 0 {
			wrong = append(wrong, s.path+" is not text")
		}
	}
	return wrong
}

// tree reads every file that git has, as it is now.
func tree(t *testing.T) (files []*source) {
	list, err := exec.Command("git", "ls-files", "-z").Output()
	if err != nil && os.Getenv("CI") == "" {
		t.Skipf("these rules are for a clone of the repository with git installed: %v", err)
	}
	if err != nil {
		t.Fatalf("list the files of the repository: %v", err)
	}
	for name := range strings.SplitSeq(strings.TrimSuffix(string(list), "\x00"), "\x00") {
		text, err := os.ReadFile(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		s, err := parse(name, text)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, s)
	}
	return files
}

// The tests name files from the root of the module.
func TestMain(m *testing.M) {
	if err := os.Chdir("../.."); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func TestPolicy(t *testing.T) {
	files := tree(t)
	for _, r := range rules() {
		t.Run(r.name, func(t *testing.T) {
			for _, wrong := range r.check(files) {
				t.Error(wrong)
			}
		})
	}
}

func TestRules_CanFail(t *testing.T) {
	type files map[string]string
	cases := map[string]struct{ breaks, keeps []files }{
		"imports go down the layers": {
			breaks: []files{
				{"serde/a.go": imports(module + "/registry")},
				{"registry/a.go": imports(module + "/shmtransport")},
				{"internal/mem/a.go": imports(module + "/serde")},
				{"topic/a.go": imports(module + "/record")},
				{"doctor/a.go": imports(module + "/record")}, {"topic/a.go": imports(module + "/doctor")},
				{"record/a.go": imports(module + "/cmd/shmrec/internal/x")},
				{"samples/a/a.go": imports(module + "/cmd/shmmon/internal/x")},
				{"topic/a.go": imports(module)},
				{"elsewhere/a.go": imports(module + "/topic")},
				{"topic/a.go": imports(module + "/elsewhere")},
			},
			keeps: []files{
				{"record/a.go": imports(module + "/topic"), "topic/a.go": imports(module + "/serde")},
				{"internal/a/a.go": imports(module + "/internal/b"), "cmd/a/a.go": imports(module + "/cmd/a/internal/b")},
			},
		},
		"imports are those of the architecture": {
			breaks: []files{
				{"topic/a.go": imports(module + "/serde")},
				{arrowsFile: "<!-- imports -->\n| `topic` | `serde` |\n"},
				{"topic/a.go": imports(module + "/serde"), arrowsFile: "<!-- imports -->\n| `topic` | `serde`, `registry` |\n"},
				{"topic/a.go": imports(module + "/serde"), arrowsFile: "<!-- imports -->\n| `serde` | `topic` |\n"},
			},
			keeps: []files{
				{"topic/a.go": imports(module + "/serde"), arrowsFile: "<!-- imports -->\n|---|---|\n| `topic` | `serde` |\n"},
				{"topic/a_test.go": imports(module + "/record"), "internal/a/a.go": imports(module + "/internal/a/b")},
			},
		},
		"words are those of the glossary": {
			breaks: []files{
				{"topic/a.go": "package topic\n\n// An Acquaintance is.\n"}, {"docs/a.md": "a siege"},
				{"topic/a.go": "package topic\n\n// Whoever reads.\n"}, {"serde/a.go": "package serde\n\nconst a = `nobody reads`\n"},
				{"docs/a.md": "a process who reads"}, {".ci/run": "# with everybody"}, {"CHANGELOG.md": "of somebody"},
				{"registry/a.go": "package registry\n\nfunc giveUpAll() {}\n"}, {"registry/a.go": "package registry\n\nvar maxEars2 int\n"},
				{"registry/a_test.go": "package registry\n\nfunc TestScan_OneLook(t *T) {}\n"}, {"registry/burial.go": "package registry\n"},
				{"bench/lab/a.go": "package lab\n"}, {"registry/a.go": "package registry\n\ntype A struct{ Touched int }\n"},
				{"registry/a.go": "package registry\n\nfunc (r *R) Follow() {}\n"},
			},
			keeps: []files{
				{"CHANGELOG.md": "a siege"}, {"topic/a.go": "package topic\n\n// indeed a look\n"}, {"docs/a.md": "users who read, and who may write"},
				{"docs/access.md": "publish a/** nobody\n`nobody`"}, {"registry/policy.go": "package registry\n\nconst a = `nobody`\n"},
				{"topic/a.go": "package topic\n\nfunc f() { exec.LookPath(file); lookup(); clear(Labels) }\n"},
				{"topic/a.go": "package topic\n\nfunc (r *r) Missed() {}\n"}, {"cmd/row.go": "package cmd\n"},
			},
		},
		"unsafe stays behind its doors": {
			breaks: []files{{"topic/a_unsafe.go": imports("unsafe")}, {"internal/mem/a.go": imports("unsafe")}},
			keeps: []files{{"internal/mem/a_unsafe.go": imports("unsafe")}, {"internal/futex/a.go": imports("unsafe")},
				{"topic/a_test.go": imports("unsafe")}, {"topic/a.pb.go": "// Code generated by p. DO NOT EDIT.\n\n" + imports("unsafe")}},
		},
		"the kernel stays behind its doors": {
			breaks: []files{{"topic/a.go": imports("golang.org/x/sys/unix")}, {"cmd/a/a.go": imports("golang.org/x/sys/windows")}},
			keeps:  []files{{"internal/shm/a.go": imports("golang.org/x/sys/unix")}},
		},
		"no cgo": {
			breaks: []files{{"internal/shm/a.go": imports("C")}},
			keeps:  []files{{"internal/shm/a.go": imports("os")}},
		},
		"what is for tests is in no program": {
			breaks: []files{{"registry/a.go": imports(module + "/internal/layouttest")}, {"topic/a.go": imports("testing")}},
			keeps:  []files{{"registry/a_test.go": imports(module + "/internal/layouttest")}, {"integration/internal/harness/a.go": imports("testing")}},
		},
		"models have tests and no program": {
			breaks: []files{{"model/a.go": "package model"}},
			keeps:  []files{{"model/a_test.go": "package model"}, {"integration/a.go": "package integration"}},
		},
		"every package says once what it is": {
			breaks: []files{
				{"topic/a.go": "package topic"},
				{"topic/a.go": "// Package topic is.\npackage topic", "topic/b.go": "// Package topic is.\npackage topic"},
				{"topic/doc.go": "package topic"},
			},
			keeps: []files{
				{"topic/doc.go": "// Package topic is.\npackage topic", "topic/a.go": "package topic"},
				{"topic/a.go": "// Package topic is.\npackage topic", "topic/b.go": "package topic"},
				{"integration/a_test.go": "package integration"},
			},
		},
		"packages are few": {
			breaks: []files{folders("cmd/", maxPackages+1)},
			keeps:  []files{folders("cmd/", maxPackages), folders("bench/", maxPackages+1)},
		},
		"each error condition has one type": {
			breaks: []files{
				{"a/a.go": "package a\n\ntype LimitError struct{}\n", "b/b.go": "package b\n\ntype LimitError struct{}\n"},
				{"a/a.go": "package a\n\ntype LimitError = b.LimitError\n"},
			},
			keeps: []files{
				{"a/a.go": "package a\n\ntype LimitError struct{}\n", "topic/errors.go": "package topic\n\ntype LimitError = a.LimitError\n"},
				{"a/a.go": "package a\n\ntype limitError struct{}\n", "b/b.go": "package b\n\ntype limitError struct{}\n"},
			},
		},
		"files are not tiny": {
			breaks: []files{
				{"topic/a.go": "package topic" + strings.Repeat("\n", minLines-1)}, {"topic/doc.go": "// Package topic is.\npackage topic\n"},
				{"topic/a_test.go": "package topic\n"}, {"topic/a_solaris.go": "package topic\n\n//go:build no\n"},
			},
			keeps: []files{
				{"topic/a.go": "package topic" + strings.Repeat("\n", minLines)}, {"topic/a_linux.go": "package topic\n"},
				{"topic/a_linux_test.go": "package topic\n"}, {"topic/a.go": "//go:build !linux\n\npackage topic\n"},
			},
		},
		"nothing runs before main": {
			breaks: []files{{"topic/a.go": "package topic\nfunc init() {}"}},
			keeps: []files{{"topic/a_test.go": "package topic\nfunc init() {}"}, {"topic/a.go": "package topic\nfunc (t T) init() {}"},
				{"topic/a.pb.go": "// Code generated by p. DO NOT EDIT.\n\npackage topic\nfunc init() {}"}},
		},
		"files are named for what is in them": {
			breaks: []files{{"topic/util.go": "package topic"}, {"internal/common/a.go": "package common"}, {"topic/test_helpers_test.go": "package topic"}},
			keeps:  []files{{"topic/uncommon.go": "package topic"}},
		},
		"no package-level state": {
			breaks: []files{
				{"topic/a.go": "package topic\nvar x int"}, {"topic/a.go": "package topic\nvar x = 5"},
				{"topic/a.go": "package topic\nvar x = &T{}"}, {"topic/a.go": "package topic\nvar m = make(map[string]int)"},
				{"topic/a.go": "package topic\nvar x = sync.Map{}"}, {"topic/a.go": "package topic\nvar (\nerrA = errors.New(``)\nmu sync.Mutex\n)"},
				{"topic/a.go": "package topic\nvar x = load()"}, {"topic/a.go": "package topic\nvar x atomic.Int64"},
				{"topic/a.go": "//go:build linux && !shmbus_failpoints\n\npackage topic\nvar x int"},
			},
			keeps: []files{
				{"topic/a.go": "package topic\nvar errA = errors.New(``)\nvar re = regexp.MustCompile(`a`)\nvar table = map[string]int{}"},
				{"topic/a.go": "package topic\nvar _ I = (*T)(nil)\nvar t = reflect.TypeFor[int]()\nvar native = binary.NativeEndian"},
				{"topic/a.go": "package topic\n//go:embed a.txt\nvar text string"}, {"topic/a_test.go": "package topic\nvar x int"},
				{"topic/a.go": "//go:build shmbus_failpoints\n\npackage topic\nvar x int"},
				{"topic/a.go": "package topic\nfunc f() { var x int; _ = x }"},
				{"cmd/a/a.go": "package main\nvar bold = lipgloss.NewStyle().Bold(true)"},
			},
		},
		"libraries do not print": {
			breaks: []files{
				{"topic/a.go": "package topic\nfunc f() { fmt.Println() }"}, {"topic/a.go": "package topic\nfunc f() { println() }"},
				{"serde/a.go": imports("log")},
			},
			keeps: []files{
				{"cmd/a/a.go": "package main\nfunc f() { fmt.Println() }"}, {"topic/a_test.go": "package topic\nfunc f() { fmt.Println() }"},
				{"topic/a.go": "package topic\nfunc f() { fmt.Fprintln(w) }"}, {"serde/a.go": imports("log/slog")},
			},
		},
		"files are short": {
			breaks: []files{{"topic/a.go": "package topic\n" + strings.Repeat("\n", maxLines)}},
			keeps:  []files{{"topic/a.go": "package topic\n" + strings.Repeat("\n", maxLines-1)}},
		},
		"nothing of one machine is in the tree": {
			breaks: []files{{"docs/a.md": "see /wor" + "k/main"}, {"a.json": "https://registry.npm" + "js.org/x"}, {".ci/run": "cd /far" + "m/x"}},
			keeps:  []files{{"docs/a.md": "internal/work/a and ../shared"}},
		},
		"nothing that was built is in the tree": {
			breaks: []files{{"topic/topic.test": "\x7fELF\x00"}},
			keeps:  []files{{"serde/testdata/a.bin": "\x00"}, {"docs/a.png": "\x00"}},
		},
	}
	for _, r := range rules() {
		t.Run(r.name, func(t *testing.T) {
			c := cases[r.name]
			if len(c.breaks) == 0 || len(c.keeps) == 0 {
				t.Fatal("nothing shows that this rule can fail and can hold")
			}
			check := func(f files) []string {
				var all []*source
				for name, text := range f {
					s, err := parse(name, []byte(text))
					if err != nil {
						t.Fatal(err)
					}
					all = append(all, s)
				}
				return r.check(all)
			}
			for _, f := range c.breaks {
				if len(check(f)) == 0 {
					t.Errorf("not found: %v", f)
				}
			}
			for _, f := range c.keeps {
				if wrong := check(f); len(wrong) > 0 {
					t.Errorf("%v: wrongly: %v", f, wrong)
				}
			}
		})
	}
}

func imports(name string) string { return fmt.Sprintf("package a\nimport %q\n", name) }
