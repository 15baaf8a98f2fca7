package registry

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/shmbus/shmbus/internal/failpoint"
	"github.com/shmbus/shmbus/internal/shm"
)

func publisherSuffix(number uint32) string { return fmt.Sprintf("%s%d", SuffixPublisher, number) }

func schemaSuffix(number uint32) string { return fmt.Sprintf("schema.%d", number) }

// writeSchema writes a schema file. The file is complete before it gets its name.
func writeSchema(dir, path string, schema []byte, mode fs.FileMode) (err error) {
	f, err := shm.Create(dir, int64(len(schema)), mode)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := f.Reserve(0, int64(len(schema))); err != nil {
		return err
	}
	failpoint.At("file.reserve")
	m, err := f.Map(0, len(schema), true)
	if err != nil {
		return err
	}
	copy(m.Bytes(), schema)
	if err := m.Unmap(); err != nil {
		return err
	}
	return f.Publish(path)
}

// readSchema reads the schema file at path. It checks that the file belongs to the user uid and fits the record's reference.
func readSchema(path string, uid int, ref schemaRef) ([]byte, error) {
	if ref.size == 0 {
		return nil, nil
	}
	f, err := shm.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if err := ownedBy(f, uid); err != nil {
		return nil, err
	}
	// The size is checked before memory is allocated: that in the record is only a claim.
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	if size != int64(ref.size) {
		return nil, fmt.Errorf("the schema has %d bytes, the record says %d", size, ref.size)
	}
	b := make([]byte, size)
	if _, err := f.ReadAt(b, 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if checksum(b) != ref.sum {
		return nil, errors.New("the checksum of the schema is wrong")
	}
	return b, nil
}

func removeIfThere(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
