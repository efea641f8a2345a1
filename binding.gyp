# SPDX-License-Identifier: Apache-2.0
# The Node addon that loads any Falco plugin. Built by scripts/build-addon.mjs (npm run build:addon).
{
    "variables": {
        "falco_include%": "<(module_root_dir)/build/sysroot/usr/include/falcosecurity",
    },
    "targets": [
        {
            "target_name": "plugin_addon",
            "sources": [
                "native/addon/addon.cpp",
                "native/addon/convert.cpp",
                "native/addon/event.cpp",
                "native/addon/extract.cpp",
                "native/addon/library.cpp",
                "native/addon/owner.cpp",
                "native/addon/run.cpp",
                "native/addon/state.cpp",
            ],
            "include_dirs": ["<!(node -p \"require('node-addon-api').include_dir\")"],
            "defines": ["NAPI_VERSION=8", "NODE_ADDON_API_CPP_EXCEPTIONS"],
            "cflags!": ["-Wno-unused-parameter"],
            "cflags": ["-Wall", "-Wextra", "-Werror", "-fvisibility=hidden"],
            "cflags_cc!": ["-fno-exceptions", "-fno-rtti", "-std=gnu++17", "-std=gnu++20"],
            # -isystem: the header's unnamed structs are no concern of our warnings.
            "cflags_cc": ["-std=c++17", "-isystem", "<(falco_include)"],
            "libraries": ["-ldl"],
        }
    ],
}
