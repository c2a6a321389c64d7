// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package sinks

import (
	"bytes"
	"slices"
)

// recordOf returns the record of g as that of the generation that is seen.
func (s *openLinkDir) newRecord(g Generation, files []located) Record {
	r := Record{
		Version: recordVersion, Name: g.Name, Directory: s.Path, Generation: s.state.current, Payload: g.Payload,
		Previous: s.state.previous(), Rejected: s.state.record.Rejected, Intact: true,
	}
	for _, f := range files {
		r.Files = append(r.Files, f.recorded(f.attributes(s.state.stats[f.name])))
	}
	return r
}

// keep completes the stable names and the record of a generation whose files are
// as they should be.
func (s *openLinkDir) completeUnchanged(record Record, places map[string]nameKind) (Record, error) {
	var missing []string
	for name, place := range places {
		if place == absent {
			missing = append(missing, name)
		}
	}
	slices.Sort(missing)
	if len(missing) > 0 {
		if err := s.makeLinks(missing); err != nil {
			return Record{}, err
		}
		if err := s.dir.sync(); err != nil {
			return Record{}, err
		}
	}
	want, err := record.encode()
	if err != nil {
		return Record{}, err
	}
	if is, err := s.state.record.encode(); err != nil || !bytes.Equal(is, want) {
		if err := s.dir.replaceRecord(recordTemp, generationRecordName(record.Generation), want); err != nil {
			return Record{}, err
		}
		if err := s.dir.sync(); err != nil {
			return Record{}, err
		}
	}
	record.CleanupErr = s.removeJournalRecord(record.Name)
	return record, nil
}

// forgetByFile removes the record of a bundle that was published file by file
// before.
func (s *openLinkDir) removeJournalRecord(name string) error {
	if !slices.Contains(s.state.names, recordName(name)) {
		return nil
	}
	return s.dir.remove(recordName(name))
}
