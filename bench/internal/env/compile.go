package env

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/shmbus/shmbus/bench/internal/proc"
)

// A built program is a path or the reason why there is none.
type built struct {
	path string
	err  error
}

// BuildGo compiles a Go program. The directory dir is relative to its module.
func (e *Environment) BuildGo(ctx context.Context, module, dir string) (string, error) {
	path := filepath.Join(e.bin, filepath.Base(dir))
	_, err := proc.Run(ctx, module, []string{"CGO_ENABLED=0", "GOWORK=off"}, "go", "build", "-o", path, "./"+dir)
	if err != nil {
		return "", fmt.Errorf("build %s: %w", dir, err)
	}
	return path, nil
}

// BuildTest compiles the test program of a package. The directory dir is relative to its module.
func (e *Environment) BuildTest(ctx context.Context, module, dir string) (string, error) {
	path := filepath.Join(e.bin, filepath.Base(dir)+".test")
	_, err := proc.Run(ctx, module, []string{"CGO_ENABLED=0", "GOWORK=off"}, "go", "test", "-c", "-o", path, "./"+dir)
	if err != nil {
		return "", fmt.Errorf("build the tests of %s: %w", dir, err)
	}
	return path, nil
}

// copySources writes the C and C++ sources into a directory of their own.
func (e *Environment) copySources() error {
	src, err := fs.Sub(sources, "src")
	if err != nil {
		return err
	}
	e.sources = filepath.Join(e.bin, "native")
	return os.CopyFS(e.sources, src)
}

// Compile returns the path of a program in C or C++, which the first call compiles. The error is a [*proc.MissingError] if the compiler
// or a library is not installed.
func (e *Environment) Compile(ctx context.Context, p Program) (string, error) {
	b, ok := e.built[p.Name]
	if !ok {
		b.path, b.err = e.compile(ctx, p)
		e.built[p.Name] = b
	}
	return b.path, b.err
}

func (e *Environment) compile(ctx context.Context, p Program) (string, error) {
	name, pkg, std := "gcc", "gcc libc6-dev", "-std=gnu11"
	if p.Suffix == ".cpp" {
		name, pkg, std = "g++", "g++", "-std=gnu++14"
	}
	compiler, err := proc.Find(name, pkg)
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
	if p.Header != "" && !e.hasHeader(ctx, compiler, args, p) {
		return "", &proc.MissingError{What: p.Header, Package: p.Package}
	}
	path := filepath.Join(e.sources, p.Name)
	args = append(args, "-o", path, path+p.Suffix)
	for _, lib := range p.Libs {
		args = append(args, "-l"+lib)
	}
	if _, err := proc.Run(ctx, e.sources, nil, compiler, args...); err != nil {
		return "", fmt.Errorf("compile %s: %w", p.Name+p.Suffix, err)
	}
	return path, nil
}

// hasHeader reports whether the preprocessor finds the header of a program.
func (e *Environment) hasHeader(ctx context.Context, compiler string, args []string, p Program) bool {
	probe := filepath.Join(e.sources, "probe"+p.Suffix)
	if os.WriteFile(probe, []byte("#include <"+p.Header+">\n"), 0o600) != nil {
		return false
	}
	defer os.Remove(probe)
	_, err := proc.Run(ctx, e.sources, nil, compiler, append(args[:len(args):len(args)], "-E", "-o", os.DevNull, probe)...)
	return err == nil
}
