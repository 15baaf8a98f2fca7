package protobuf

import (
	"bytes"
	"errors"
	"fmt"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/serde/internal/guard"
)

// Limits of the schemas that ParseSchema accepts.
const (
	maxSchema   = 16 << 20 // bytes
	maxFiles    = 4096
	maxPublic   = 1 << 20 // public imports; the library visits all files that a file imports publicly, once for each way
	maxElements = 1 << 18 // files, messages, fields, enums, values, options and so on, together
)

// A Schema is the parsed schema of a message type, for tools that do not know the generated type. It is immutable and may be
// used concurrently.
type Schema struct {
	name  string
	md    protoreflect.MessageDescriptor
	types *dynamicpb.Types // of the messages and extensions of the schema
}

// ParseSchema parses the schema of t, a FileDescriptorSet. A type of another encoding or without a schema is
// serde.ErrUndecodable. The schema is not trusted: its size, files, elements and depth are limited. Files that the set imports
// and lacks are ignored, as are the fields of types that they declare.
func ParseSchema(t serde.Type) (*Schema, error) {
	switch {
	case t.Encoding != Encoding:
		return nil, fmt.Errorf("a payload of encoding %q is not protobuf: %w", t.Encoding, serde.ErrUndecodable)
	case t.SchemaEncoding != Encoding || len(t.Schema) == 0:
		return nil, fmt.Errorf("%s in encoding %q has no schema: %w", t.Name, t.Encoding, serde.ErrUndecodable)
	}
	s := &Schema{name: t.Name}
	var md protoreflect.MessageDescriptor
	err := guard.Run(&md, func() (err error) {
		md, s.types, err = parse(t.Schema, t.Name)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("parse the protobuf schema of %s: %w", t.Name, err)
	}
	s.md = md
	return s, nil
}

// parse finds a message in a FileDescriptorSet.
func parse(schema []byte, name string) (protoreflect.MessageDescriptor, *dynamicpb.Types, error) {
	if len(schema) > maxSchema {
		return nil, nil, fmt.Errorf("it has %d bytes, more than %d", len(schema), maxSchema)
	}
	schema = bytes.Clone(schema) // it is read twice
	var set descriptorpb.FileDescriptorSet
	w := walk{depth: serde.MaxDepth, messages: maxElements}
	if err := w.message(set.ProtoReflect().Descriptor(), schema); err != nil {
		return nil, nil, err
	}
	if err := (proto.UnmarshalOptions{RecursionLimit: serde.MaxDepth}).Unmarshal(schema, &set); err != nil {
		return nil, nil, err
	}
	if len(set.File) > maxFiles {
		return nil, nil, fmt.Errorf("it has %d files, more than %d", len(set.File), maxFiles)
	}
	files, err := register(set.File)
	if err != nil {
		return nil, nil, err
	}
	d, err := files.FindDescriptorByName(protoreflect.FullName(name))
	if err != nil {
		return nil, nil, errors.New("it does not declare this message")
	}
	md, ok := d.(protoreflect.MessageDescriptor)
	if !ok {
		return nil, nil, errors.New("it does not declare this as a message")
	}
	return md, dynamicpb.NewTypes(files), nil
}

// register makes descriptors of the files of a set. protodesc.NewFiles takes them in random order, so that it accepts a set with
// missing imports at one time and refuses it at another.
func register(set []*descriptorpb.FileDescriptorProto) (*protoregistry.Files, error) {
	r := registration{files: new(protoregistry.Files), known: map[string]*descriptorpb.FileDescriptorProto{},
		begun: map[string]bool{}, public: map[string]int{}, left: maxPublic}
	for _, f := range set {
		if r.known[f.GetName()] != nil {
			return nil, fmt.Errorf("it has the file %q twice", f.GetName())
		}
		r.known[f.GetName()] = f
	}
	for _, f := range set {
		if err := r.add(f); err != nil {
			return nil, err
		}
	}
	return r.files, nil
}

type registration struct {
	files  *protoregistry.Files
	known  map[string]*descriptorpb.FileDescriptorProto
	begun  map[string]bool
	public map[string]int // how many files a file imports publicly, counted once for each way
	left   int            // how many of these the library may still visit
}

// add registers a file after the files that it imports.
func (r *registration) add(f *descriptorpb.FileDescriptorProto) error {
	name := f.GetName()
	if r.begun[name] {
		return nil
	}
	r.begun[name] = true
	for _, imported := range f.Dependency {
		if f := r.known[imported]; f != nil {
			if err := r.add(f); err != nil {
				return err
			}
		}
		if r.left -= r.public[imported]; r.left < 0 {
			return fmt.Errorf("its files have more than %d public imports", maxPublic)
		}
	}
	for _, i := range f.PublicDependency {
		if 0 <= i && int(i) < len(f.Dependency) {
			r.public[name] += 1 + r.public[f.Dependency[i]]
		}
	}
	// In a cycle the file that began first is not registered yet. It counts as missing.
	d, err := protodesc.FileOptions{AllowUnresolvable: true}.New(f, r.files)
	if err != nil {
		return err
	}
	return r.files.RegisterFile(d)
}
