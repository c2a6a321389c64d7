// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/certagent/certagent/agent/config"
)

func TestLog(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		keys string
		want config.Log
	}{
		"defaults":  {``, config.Log{Level: "info", Format: "standard"}},
		"all":       {"log_level = \"WARNING\"\n log_format = \"JSON\"\n log_file = \"/l\"\n log_rotate_bytes = \"100\"\n log_rotate_duration = \"1h\"\n log_rotate_max_files = -1", config.Log{Level: "warn", Format: "json", File: "/l", RotateBytes: 100, RotateDuration: time.Hour, RotateMaxFiles: -1}},
		"directory": {`log_file = "/var/log/"`, config.Log{Level: "info", Format: "standard", File: "/var/log/vault.log", RotateDuration: 24 * time.Hour}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := load(t, login+aTemplate+test.keys+"\n", config.Overrides{})
			if diff := cmp.Diff(test.want, c.Log); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
