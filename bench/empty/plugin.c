// SPDX-License-Identifier: Apache-2.0
// A Falco plugin that does nothing as fast as can be: what asking it costs is the cost of bench/host itself.
#include <plugin/plugin_api.h>

#include <stddef.h>

static char state;
static const char *value = "value";

const char *plugin_get_required_api_version(void) {
    return "3.11.0";
}

const char *plugin_get_name(void) {
    return "empty";
}

const char *plugin_get_description(void) {
    return "gives the same value at once";
}

const char *plugin_get_contact(void) {
    return "";
}

const char *plugin_get_version(void) {
    return "1.0.0";
}

const char *plugin_get_last_error(ss_plugin_t *s) {
    (void)s;
    return "";
}

ss_plugin_t *plugin_init(const ss_plugin_init_input *in, ss_plugin_rc *rc) {
    (void)in;
    *rc = SS_PLUGIN_SUCCESS;
    return &state;
}

void plugin_destroy(ss_plugin_t *s) {
    (void)s;
}

const char *plugin_get_fields(void) {
    return "[{\"name\":\"empty.value\",\"type\":\"string\",\"desc\":\"always the same\"}]";
}

ss_plugin_rc plugin_extract_fields(ss_plugin_t *s, const ss_plugin_event_input *event,
                                   const ss_plugin_field_extract_input *in) {
    (void)s, (void)event;
    in->fields->res.str = &value;
    in->fields->res_len = 1;
    return SS_PLUGIN_SUCCESS;
}
