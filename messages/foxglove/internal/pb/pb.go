// Package pb has the protobuf messages of package foxglove. `go generate` makes their code in this folder, with protoc 3.21.12
// (Debian's protobuf-compiler) and google.golang.org/protobuf/cmd/protoc-gen-go v1.36.12 (go install).
//
// The messages are in no registry of the process. Otherwise a program with generated messages of its own of the names that
// Foxglove publishes would end at its start, because a process may register a name once.
package pb

import (
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

//go:generate protoc --go_out=. --go_opt=paths=source_relative foxglove.proto ros_std_msgs.proto ros_sensor_msgs.proto ros_diagnostic_msgs.proto
//go:generate sed -i -e "s/File: protoimpl.DescBuilder{/TypeRegistry: new(protoregistry.Types),\\n&\\nFileRegistry: files,/" -e "s/^import (/&\\nprotoregistry \"google.golang.org\\/protobuf\\/reflect\\/protoregistry\"/" foxglove.pb.go ros_std_msgs.pb.go ros_sensor_msgs.pb.go ros_diagnostic_msgs.pb.go
//go:generate gofmt -w foxglove.pb.go ros_std_msgs.pb.go ros_sensor_msgs.pb.go ros_diagnostic_msgs.pb.go

// files has the descriptors of this package, in which they find each other. Generated code registers them before main.
var files = registry{new(protoregistry.Files)}

// A registry has files of its own, and finds those of the process.
type registry struct{ *protoregistry.Files }

// FindFileByPath returns a file of this package, or one that this package imports.
func (r registry) FindFileByPath(path string) (protoreflect.FileDescriptor, error) {
	if d, err := r.Files.FindFileByPath(path); err == nil {
		return d, nil
	}
	return protoregistry.GlobalFiles.FindFileByPath(path)
}

// FindDescriptorByName returns a descriptor of this package, or of one that it imports.
func (r registry) FindDescriptorByName(name protoreflect.FullName) (protoreflect.Descriptor, error) {
	if d, err := r.Files.FindDescriptorByName(name); err == nil {
		return d, nil
	}
	return protoregistry.GlobalFiles.FindDescriptorByName(name)
}
