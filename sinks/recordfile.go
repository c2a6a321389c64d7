// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package sinks

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

const maxRecordSize = 16 << 20 // bytes; a larger file is none of ours

// recordFile is what is in the file: a record and what tells that it is whole.
type recordFile struct {
	Record json.RawMessage `json:"record"`
	SHA256 string          `json:"sha256"` // of the bytes of Record
}

func (r Record) encode() ([]byte, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	content, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("encoding the record of %q: %w", r.Name, err)
	}
	return sealRecord(content), nil
}

// seal returns a recordFile as JSON. The encoder would go over the record again.
func sealRecord(record []byte) []byte {
	return fmt.Appendf(nil, `{"record":%s,"sha256":"%x"}`, record, sha256.Sum256(record))
}

var errChecksum = fmt.Errorf("%w: its checksum is wrong", ErrRecord)

func decodeRecord(content []byte) (r Record, err error) {
	var file recordFile
	if err := json.Unmarshal(content, &file); err != nil {
		return r, fmt.Errorf("%w: %w", ErrRecord, err)
	}
	if fmt.Sprintf("%x", sha256.Sum256(file.Record)) != file.SHA256 {
		return r, errChecksum
	}
	if err := json.Unmarshal(file.Record, &r); err != nil {
		return r, fmt.Errorf("%w: %w", ErrRecord, err)
	}
	return r, r.check()
}

// readRecord reads the record in a file of d. A file that somebody else could
// have written is not believed: it would have us rename what its author may not.
func (d *directory) readRecord(file string) (r Record, err error) {
	r, err = d.readRecordFile(file)
	if err == nil && (r.Directory != "" || file != recordName(r.Name)) {
		err = fmt.Errorf("%w: it is that of %q", ErrRecord, r.Name)
	}
	return r, err
}

// readGenerationRecord reads the record of a generation of the bundle whose
// directory d is.
func (d *directory) readGenerationRecord(n uint64) (r Record, err error) {
	r, err = d.readRecordFile(generationRecordName(n))
	if err == nil && (r.Directory == "" || r.Generation != n) {
		err = fmt.Errorf("%w: it is that of generation %d of %q", ErrRecord, r.Generation, r.Name)
	}
	if err != nil {
		return Record{}, err
	}
	return r.at(d.path), nil
}

func (d *directory) readRecordFile(file string) (r Record, err error) {
	f, err := d.openRead(file)
	if err != nil {
		return r, err
	}
	defer f.close()
	st, err := f.stat()
	if err != nil {
		return r, err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG || int(st.Uid) != os.Geteuid() || st.Mode&0o022 != 0 {
		return r, errRecordForeign
	}
	content, err := io.ReadAll(io.LimitReader(f, maxRecordSize))
	if err != nil {
		return r, err
	}
	return decodeRecord(content)
}

var errRecordForeign = fmt.Errorf("%w: it is not a file that only this user can write", ErrRecord)
