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

const maxRecordSize = 16 << 20 // bytes; a larger file is not a record

// recordFile is the content of a record's file: the record and a checksum.
type recordFile struct {
	Record json.RawMessage `json:"record"`
	SHA256 string          `json:"sha256"` // of the bytes of Record
}

var (
	errChecksum      = fmt.Errorf("%w: its checksum is wrong", ErrRecord)
	errRecordForeign = fmt.Errorf("%w: it is not a file that only this user can write", ErrRecord)
)

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

// sealRecord returns a recordFile as JSON. Package json would encode the record a
// second time.
func sealRecord(record []byte) []byte {
	return fmt.Appendf(nil, `{"record":%s,"sha256":"%x"}`, record, sha256.Sum256(record))
}

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

// readRecord reads the record that a Journal left in a file of d.
func (d *directory) readRecord(file string) (r Record, err error) {
	r, err = d.readRecordFile(file)
	if err == nil && (r.Directory != "" || file != recordName(r.Name)) {
		err = fmt.Errorf("%w: it is that of %q", ErrRecord, r.Name)
	}
	return r, err
}

// readGenerationRecord reads the record of a generation in a LinkDir.
func (d *directory) readGenerationRecord(n uint64) (r Record, err error) {
	r, err = d.readRecordFile(generationRecordName(n))
	if err == nil && (r.Directory == "" || r.Generation != n) {
		err = fmt.Errorf("%w: it is that of generation %d of %q", ErrRecord, r.Generation, r.Name)
	}
	if err != nil {
		return Record{}, err
	}
	return r.movedTo(d.path), nil
}

// readRecordFile refuses a file that another user can write: its author could make
// this process rename files that he must not change.
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

var recordAttributes = attributes{mode: 0o600, uid: -1, gid: -1}

// replaceRecord replaces the file of a record by one rename.
func (d *directory) replaceRecord(temp, name string, content []byte) error {
	if err := d.writeTemp(temp, d.join(name), content, recordAttributes); err != nil {
		return err
	}
	if err := d.rename(temp, name); err != nil {
		d.remove(temp)
		return &Error{Op: "renaming the new record into place", Path: d.join(name), Err: err}
	}
	return nil
}
