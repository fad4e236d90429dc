// proxip_man FOLDER DATE CONFIGURATION.MD EXAMPLE.TOML: writes lbctl.8, lbagent.8 and lb.toml.5 into the folder.

#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <span>
#include <stdexcept>
#include <string>

#include "agent/api/version.hpp"
#include "pages.hpp"

namespace {

std::string read(const std::string& name) {
    std::ifstream file(name, std::ios::binary);
    if (!file) {
        throw std::runtime_error("cannot read " + name);
    }
    return {std::istreambuf_iterator<char>(file), {}};
}

void write(const std::filesystem::path& place, const std::string& text) {
    std::ofstream file(place, std::ios::binary);
    file << text;
    if (!file.flush()) {
        throw std::runtime_error("cannot write " + place.string());
    }
}

void make_pages(std::span<char*> arguments) {
    const std::filesystem::path folder = arguments[1];
    const proxip::man::Edition edition{.date = arguments[2], .version = std::string(proxip::api::version())};
    std::filesystem::create_directories(folder);
    write(folder / "lbctl.8", proxip::man::lbctl_page(edition));
    write(folder / "lbagent.8", proxip::man::lbagent_page(edition));
    write(folder / "lb.toml.5", proxip::man::lb_toml_page(edition, read(arguments[3]), read(arguments[4])));
}

} // namespace

int main(int argc, char** argv) {
    if (argc != 5) {
        std::fputs("proxip_man FOLDER DATE CONFIGURATION.MD EXAMPLE.TOML\n", stderr);
        return 2;
    }
    try {
        make_pages({argv, static_cast<std::size_t>(argc)});
    } catch (const std::exception& error) {
        std::fprintf(stderr, "proxip_man: %s\n", error.what());
        return 1;
    }
    return 0;
}
