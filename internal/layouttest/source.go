package layouttest

import (
	"errors"
	"go/ast"
	"go/build"
	"go/constant"
	"go/parser"
	"go/token"
	"go/types"
	"path/filepath"
	"regexp"
	"strconv"
)

// A source is what the Go files of a package say, without those of its tests.
type source struct {
	constants map[string]constant.Value
	declared  map[string]string // constant to base name of its file
	computed  map[string]bool   // from other constants of the package
	at        map[string]string // constant to file and line
	accesses  map[string][]access
	tables    []table // in comments, in the order of the package's files
}

// An access is one place where the code reads or writes the field at an offset.
type access struct {
	at    string
	width int  // bytes
	array bool // of a run of such words
}

// readSource parses the package in dir and evaluates its constants.
func readSource(dir string) (*source, error) {
	list, err := build.ImportDir(dir, 0)
	if err != nil {
		return nil, err
	}
	fset := token.NewFileSet()
	var files []*ast.File
	for _, name := range list.GoFiles {
		f, err := parser.ParseFile(fset, filepath.Join(dir, name), nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	// No constant of a layout needs another package; one that does has no known value here, and so equals none. What else
	// the lack of imports makes wrong does not matter.
	config := types.Config{Importer: noImports{}, Error: func(error) {}}
	info := &types.Info{Defs: map[*ast.Ident]types.Object{}, Uses: map[*ast.Ident]types.Object{}}
	pkg, _ := config.Check(list.Name, fset, files, info)

	s := &source{constants: map[string]constant.Value{}, declared: map[string]string{}, at: map[string]string{},
		computed: map[string]bool{}, accesses: map[string][]access{}}
	for _, o := range info.Defs {
		c, ok := o.(*types.Const)
		if !ok || c.Parent() != pkg.Scope() || c.Name() == "_" {
			continue
		}
		where := fset.Position(c.Pos())
		s.constants[c.Name()] = c.Val()
		s.declared[c.Name()] = filepath.Base(where.Filename)
		s.at[c.Name()] = where.String()
	}
	for _, f := range files {
		found, err := commentTables(fset, f)
		if err != nil {
			return nil, err
		}
		s.tables = append(s.tables, found...)
		ast.Inspect(f, func(n ast.Node) bool {
			s.record(fset, info, n)
			s.noteComputed(pkg, info, n)
			return true
		})
	}
	return s, nil
}

// noteComputed takes note of the constants whose expressions name other constants of the package.
func (s *source) noteComputed(pkg *types.Package, info *types.Info, n ast.Node) {
	spec, ok := n.(*ast.ValueSpec)
	if !ok {
		return
	}
	for i, expression := range spec.Values {
		if o := info.Defs[spec.Names[i]]; o == nil || o.Parent() != pkg.Scope() {
			continue
		}
		ast.Inspect(expression, func(n ast.Node) bool {
			if id, ok := n.(*ast.Ident); ok {
				if c, ok := info.Uses[id].(*types.Const); ok && c.Parent() == pkg.Scope() {
					s.computed[spec.Names[i].Name] = true
				}
			}
			return true
		})
	}
}

type noImports struct{}

func (noImports) Import(string) (*types.Package, error) { return nil, errors.New("not needed") }

// wordFunc matches the functions that take a word at an offset, such as mem.Uint32, PutUint64 and word32.
var wordFunc = regexp.MustCompile(`(?:Uint|word)(16|32|64)(s?)$`)

// record takes note of an access such as mem.Uint32(b, off), native.PutUint16(b[off:], n), or b[off].
func (s *source) record(fset *token.FileSet, info *types.Info, n ast.Node) {
	note := func(e ast.Expr, width int, array bool) {
		id, ok := e.(*ast.Ident)
		if !ok {
			return
		}
		if c, ok := info.Uses[id].(*types.Const); ok {
			s.accesses[c.Name()] = append(s.accesses[c.Name()], access{fset.Position(id.Pos()).String(), width, array})
		}
	}
	switch n := n.(type) {
	case *ast.IndexExpr:
		note(n.Index, 1, false)
	case *ast.CallExpr:
		m := wordFunc.FindStringSubmatch(callee(n))
		if m == nil {
			return
		}
		bits, _ := strconv.Atoi(m[1])
		for _, arg := range n.Args {
			if slice, ok := arg.(*ast.SliceExpr); ok {
				arg = slice.Low
			}
			note(arg, bits/8, m[2] != "")
		}
	}
}

func callee(call *ast.CallExpr) string {
	switch f := call.Fun.(type) {
	case *ast.Ident:
		return f.Name
	case *ast.SelectorExpr:
		return f.Sel.Name
	}
	return ""
}
