// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config

import "github.com/certagent/certagent/agent/config/hclread"

// telemetryKeys are the keys of the telemetry block.
var telemetryKeys = map[string]check{
	"statsite_address": aText, "statsd_address": aText, "dogstatsd_addr": aText, "dogstatsd_tags": aList,
	"disable_hostname": aBool, "enable_hostname_label": aBool, "metrics_prefix": aText,
	"usage_gauge_period": aDurationOrNone, "lease_metrics_epsilon": aDurationOrNone,
	"prometheus_retention_time": aDuration,
	"maximum_gauge_cardinality": aNumber, "num_lease_metrics_buckets": aNumber,
	"add_lease_metrics_namespace_labels": aBool, "add_mount_point_rollback_metrics": aBool,
	"filter_default": aBool, "prefix_filter": aList,
	"circonus_api_token": aText, "circonus_api_app": aText, "circonus_api_url": aText,
	"circonus_submission_interval": aText, "circonus_submission_url": aText, "circonus_check_id": aText,
	"circonus_check_force_metric_activation": aText, "circonus_check_instance_id": aText,
	"circonus_check_search_tag": aText, "circonus_check_tags": aText, "circonus_check_display_name": aText,
	"circonus_broker_id": aText, "circonus_broker_select_tag": aText,
	"stackdriver_project_id": aText, "stackdriver_location": aText, "stackdriver_namespace": aText,
	"stackdriver_debug_logs": aBool,
}

func aDurationOrNone(s *scope, name string) {
	if v := s.value(name); v.Kind == hclread.String && v.Text == "none" {
		s.asked = append(s.asked, name)
		return
	}
	aDuration(s, name)
}

func readTelemetry(s *scope) {
	for name, check := range telemetryKeys {
		check(s, name)
	}
	notYet(s)
	s.finish(Warning)
}
