package protobuf

import "google.golang.org/protobuf/reflect/protoreflect"

// A vtMarshaler has the methods that protoc-gen-go-vtproto generates with its features size and marshal.
type vtMarshaler interface {
	SizeVT() int
	MarshalToSizedBufferVT(dst []byte) (int, error) // writes at the end of dst
}

// A vtUnmarshaler has the method that protoc-gen-go-vtproto generates with its feature unmarshal.
type vtUnmarshaler interface {
	UnmarshalVT(src []byte) error
}

// recursive reports whether a message of the type can contain another one of a type that contains it. The depth of such a
// message is limited only by its bytes. UnmarshalVT has no limit, so a payload could exhaust the stack, which ends the process.
func recursive(md protoreflect.MessageDescriptor) bool {
	const visiting, done = 1, 2
	state := map[protoreflect.FullName]int{}
	var visit func(md protoreflect.MessageDescriptor) bool
	visit = func(md protoreflect.MessageDescriptor) bool {
		switch state[md.FullName()] {
		case visiting:
			return true
		case done:
			return false
		}
		state[md.FullName()] = visiting
		for i := range md.Fields().Len() {
			if inner := md.Fields().Get(i).Message(); inner != nil && visit(inner) {
				return true
			}
		}
		state[md.FullName()] = done
		return false
	}
	return visit(md)
}
