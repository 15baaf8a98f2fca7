package repotest

import (
	"fmt"
	"go/ast"
	"go/build"
	"go/constant"
	"go/parser"
	"go/token"
	"go/types"
	"path"
	"path/filepath"
	"strings"
)

// numbers evaluates constants of a package, without compiling what it imports.
type numbers struct {
	pkg   *types.Package
	files []*ast.File
	info  types.Info
}

type nothingImported struct{}

func (nothingImported) Import(name string) (*types.Package, error) {
	return types.NewPackage(name, path.Base(name)), nil
}

func numbersOf(dir string) (*numbers, error) {
	found, err := build.ImportDir(dir, 0)
	if err != nil {
		return nil, err
	}
	n := &numbers{info: types.Info{Types: map[ast.Expr]types.TypeAndValue{}}}
	fset := token.NewFileSet()
	for _, name := range found.GoFiles {
		f, err := parser.ParseFile(fset, filepath.Join(dir, name), nil, 0)
		if err != nil {
			return nil, err
		}
		n.files = append(n.files, f)
	}
	conf := types.Config{Importer: nothingImported{}, Error: func(error) {}} // what is imported is missing, which is no matter
	n.pkg, _ = conf.Check(found.Name, fset, n.files, &n.info)
	return n, nil
}

func integer(v constant.Value) int64 {
	if v == nil {
		return -1
	}
	i, ok := constant.Int64Val(constant.ToInt(v))
	if !ok {
		return -1
	}
	return i
}

// constant is the value of a constant of the package, -1 if there is none.
func (n *numbers) constant(name string) int64 {
	if c, ok := n.pkg.Scope().Lookup(name).(*types.Const); ok {
		return integer(c.Val())
	}
	return -1
}

// standard is what the package gives an option that was left zero: the only constant that it assigns to such a field.
func (n *numbers) standard(field string) int64 {
	value := int64(-1)
	for _, f := range n.files {
		ast.Inspect(f, func(node ast.Node) bool {
			a, ok := node.(*ast.AssignStmt)
			if !ok || len(a.Lhs) != 1 || len(a.Rhs) != 1 {
				return true
			}
			if sel, ok := a.Lhs[0].(*ast.SelectorExpr); ok && sel.Sel.Name == field {
				if v := integer(n.info.Types[a.Rhs[0]].Value); v >= 0 {
					value = v
				}
			}
			return true
		})
	}
	return value
}

func binary(n int64) string {
	for _, unit := range []string{"bytes", "KiB", "MiB", "GiB"} {
		if n < 1024 || n%1024 != 0 {
			return fmt.Sprint(n, " ", unit)
		}
		n /= 1024
	}
	return fmt.Sprint(n, " TiB")
}

// limits is the table of the README as the code would have it.
func limits() (map[string]string, error) {
	transport, err := numbersOf("shmtransport")
	if err != nil {
		return nil, err
	}
	registry, err := numbersOf("registry")
	if err != nil {
		return nil, err
	}
	return map[string]string{
		"samples a publisher keeps (`Depth`)":               fmt.Sprintf("%d by default, a power of two up to %d", transport.standard("Depth"), transport.constant("MaxDepth")),
		"bytes of one sample (`MaxPayload`)":                fmt.Sprintf("%s by default, up to %s", binary(transport.standard("MaxPayload")), binary(transport.constant("MaxPayload"))),
		"bytes of all slots of a publisher (`MemoryLimit`)": fmt.Sprintf("%s by default", binary(transport.standard("MemoryLimit"))),
		"subscriptions connected to one publisher":          fmt.Sprint(transport.constant("MaxReaders")),
		"publishers connected to one participant":           fmt.Sprint(transport.constant("MaxLinks")),
		"samples of one publisher held at once (`MaxHeld`)": fmt.Sprintf("%d by default, up to %d", transport.standard("MaxHeld"), transport.constant("MaxHeld")),
		"participants of a domain":                          fmt.Sprint(registry.constant("MaxParticipants")),
		"publishers and subscriptions of one participant":   fmt.Sprint(registry.constant("MaxEndpoints")),
		"bytes of a schema":                                 fmt.Sprintf("%s, all of a participant together %s", binary(registry.constant("MaxSchema")), binary(registry.constant("MaxSchemas"))),
		"bytes of a topic's name":                           fmt.Sprint(registry.constant("MaxName")),
	}, nil
}

// table compares the rows below the heading "Limits" with what they should be.
func table(want map[string]string, readme page) (wrong []string) {
	seen, inside := map[string]bool{}, false
	for i, line := range readme.prose {
		if m := heading.FindStringSubmatch(line); m != nil {
			inside = m[1] == "Limits"
		}
		cells := strings.Split(strings.Trim(line, "|"), "|")
		if !inside || !strings.HasPrefix(line, "|") || len(cells) != 2 || strings.HasPrefix(line, "|---") {
			continue
		}
		what, limit := strings.TrimSpace(cells[0]), strings.TrimSpace(cells[1])
		seen[what] = true
		if expected, ok := want[what]; what != "what" && (!ok || expected != limit) {
			wrong = append(wrong, fmt.Sprintf("%s:%d: %s: the table says %q, the code %q", readme.path, i+1, what, limit, expected))
		}
	}
	for what := range want {
		if !seen[what] {
			wrong = append(wrong, fmt.Sprintf("%s: the table of limits lacks %q", readme.path, what))
		}
	}
	return wrong
}
