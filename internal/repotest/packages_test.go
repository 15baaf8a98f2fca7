package repotest

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/token"
	"path"
	"slices"
	"strings"
)

// packageComments wants one package comment in every package.
func packageComments(files []*source) (wrong []string) {
	comments := map[string][]string{}
	for _, s := range files {
		if s.file == nil || s.test() {
			continue
		}
		found := comments[s.dir()]
		if s.file.Doc != nil && strings.TrimSpace(s.file.Doc.Text()) != "" {
			found = append(found, s.path)
		}
		comments[s.dir()] = found
	}
	for dir, found := range comments {
		if len(found) != 1 {
			wrong = append(wrong, fmt.Sprintf("package %s has %d package comments: %v", dir, len(found), found))
		}
	}
	return wrong
}

const maxPackages = 60 + 15 // what moves samples, and services, recorder and monitor

// fewPackages bounds the packages of the module. The folders bench and docs/pictures are modules of their own. Each encoding
// is a package of its own, in serde and messages, so that a program links only those that it imports.
func fewPackages(files []*source) []string {
	packages := map[string]bool{}
	for _, s := range files {
		if s.file != nil && !s.under("bench", "docs", "serde", "messages", "samples") && !strings.Contains(s.path, "/testdata/") {
			packages[s.dir()] = true
		}
	}
	if len(packages) > maxPackages {
		return []string{fmt.Sprintf("there are %d packages, more than %d: merge packages of one idea", len(packages), maxPackages)}
	}
	return nil
}

// errorTypes wants one exported type for each error condition: no second type of the same name, and aliases only where
// package topic lists the errors for applications.
func errorTypes(files []*source) (wrong []string) {
	first := map[string]string{}
	for _, s := range files {
		if s.file == nil || s.test() || s.under("bench") {
			continue
		}
		for _, d := range s.file.Decls {
			decl, ok := d.(*ast.GenDecl)
			if !ok || decl.Tok != token.TYPE {
				continue
			}
			for _, spec := range decl.Specs {
				t := spec.(*ast.TypeSpec)
				name := t.Name.Name
				switch {
				case !t.Name.IsExported() || !strings.HasSuffix(name, "Error"):
				case t.Assign.IsValid() && s.path == "topic/errors.go":
				case t.Assign.IsValid():
					wrong = append(wrong, fmt.Sprintf("%s: %s is another name of an error type; use the type itself", s.at(t), name))
				case first[name] != "":
					wrong = append(wrong, fmt.Sprintf("%s: %s is a second error type of that name, after %s", s.at(t), name, first[name]))
				default:
					first[name] = s.at(t)
				}
			}
		}
	}
	return wrong
}

const minLines = 20

// tinyFiles wants the content of a tiny file in a neighbour, unless the file is only for some builds.
func tinyFiles(s *source) []string {
	n := bytes.Count(s.text, []byte("\n"))
	if n >= minLines || s.constraint() != nil || forOnePlatform(s.path) || strings.Contains(s.path, "/testdata/") || slices.Contains(tinyForNow(), s.path) {
		return nil
	}
	return []string{fmt.Sprintf("%s has %d lines, less than %d: merge it into a neighbour", s.path, n, minLines)}
}

// forOnePlatform reports whether the name of a Go file ends with an operating system or an architecture.
func forOnePlatform(name string) bool {
	parts := strings.Split(strings.TrimSuffix(strings.TrimSuffix(path.Base(name), ".go"), "_test"), "_")
	platforms := []string{"linux", "darwin", "windows", "freebsd", "386", "amd64", "arm", "arm64", "wasm"}
	return len(parts) > 1 && slices.Contains(platforms, parts[len(parts)-1])
}

// tinyForNow are the tiny files that remain to be merged.
func tinyForNow() []string {
	return []string{}
}

// folders are n packages below a folder.
func folders(below string, n int) map[string]string {
	files := map[string]string{}
	for i := range n {
		files[fmt.Sprintf("%s%d/a.go", below, i)] = "package a"
	}
	return files
}
