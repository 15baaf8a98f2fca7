package native

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/shmbus/shmbus/bench/internal/missing"
	"github.com/shmbus/shmbus/bench/internal/proc"
)

// A Workshop has the sources in a directory, where it compiles each program once.
type Workshop struct {
	dir   string
	built map[string]built
}

type built struct {
	path string
	err  error
}

// New copies the sources into a directory.
func New(dir string) (*Workshop, error) {
	src, err := fs.Sub(sources, "src")
	if err != nil {
		return nil, err
	}
	dir = filepath.Join(dir, "native")
	if err := os.CopyFS(dir, src); err != nil {
		return nil, err
	}
	return &Workshop{dir: dir, built: map[string]built{}}, nil
}

// Build returns where a program is. It compiles it when asked for the first time. The error is a [*missing.Error] if that needs
// something that is not installed.
func (w *Workshop) Build(ctx context.Context, p Program) (string, error) {
	b, ok := w.built[p.Name]
	if !ok {
		b.path, b.err = w.compile(ctx, p)
		w.built[p.Name] = b
	}
	return b.path, b.err
}

func (w *Workshop) compile(ctx context.Context, p Program) (string, error) {
	name, pkg, std := "gcc", "gcc libc6-dev", "-std=gnu11"
	if p.Suffix == ".cpp" {
		name, pkg, std = "g++", "g++", "-std=gnu++14"
	}
	compiler, err := missing.Program(name, pkg)
	if err != nil {
		return "", err
	}
	args := []string{std, "-O2", "-march=native", "-Wall", "-Wextra", "-Wno-unused-function"}
	if p.Include != "" {
		found, err := filepath.Glob("/usr/include/" + p.Include)
		if err != nil {
			return "", err
		}
		for _, dir := range found {
			args = append(args, "-isystem", dir)
		}
	}
	if p.Header != "" && !w.has(ctx, compiler, args, p) {
		return "", &missing.Error{What: p.Header, Package: p.Package}
	}
	path := filepath.Join(w.dir, p.Name)
	args = append(args, "-o", path, path+p.Suffix)
	for _, lib := range p.Libs {
		args = append(args, "-l"+lib)
	}
	if _, err := proc.Run(ctx, w.dir, nil, compiler, args...); err != nil {
		return "", fmt.Errorf("compile %s: %w", p.Name+p.Suffix, err)
	}
	return path, nil
}

// has asks the preprocessor for a header.
func (w *Workshop) has(ctx context.Context, compiler string, args []string, p Program) bool {
	probe := filepath.Join(w.dir, "probe"+p.Suffix)
	if os.WriteFile(probe, []byte("#include <"+p.Header+">\n"), 0o600) != nil {
		return false
	}
	defer os.Remove(probe)
	_, err := proc.Run(ctx, w.dir, nil, compiler, append(args[:len(args):len(args)], "-E", "-o", os.DevNull, probe)...)
	return err == nil
}
