#include "store/store.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "store/folder.hpp"
#include "store/record.hpp"

namespace proxip::store {

namespace {

constexpr const char* committed_name = "state.json";
constexpr const char* prepared_name = "state.next.json";

class FolderStore final : public Store {
  public:
    explicit FolderStore(Folder folder) : folder_(std::move(folder)) {}

    [[nodiscard]] Result<std::optional<State>> load(std::optional<std::uint64_t> kernel_generation) override {
        auto prepared = read(prepared_name);
        auto committed = read(committed_name);
        if (prepared && *prepared && kernel_generation && (*prepared)->generation == *kernel_generation) {
            if (auto adopted = folder_.rename(prepared_name, committed_name); !adopted) {
                return std::unexpected(std::move(adopted.error()));
            }
            return prepared;
        }
        if (!committed) {
            return committed;
        }
        const bool committed_is_the_kernels =
            !kernel_generation || (*committed && (*committed)->generation == *kernel_generation);
        if (!prepared && !committed_is_the_kernels) {
            return prepared; // the damaged one may be what the kernel runs
        }
        if (prepared) {
            abandon();
        }
        return committed;
    }

    [[nodiscard]] Result<void> prepare(const State& next) override {
        if (prepared_) { // its commit failed: it is the state all the same, and must not be written over
            if (auto finished = commit(); !finished) {
                return finished;
            }
        }
        std::string record;
        try {
            record = write_record(next);
        } catch (const nlohmann::json::exception& error) { // a text that is not UTF-8
            return fail(ErrorCode::invalid, fmt::format("the state cannot be written: {}", error.what()));
        }
        auto written = folder_.replace(prepared_name, record);
        prepared_ = prepared_ || written.has_value();
        return written;
    }

    [[nodiscard]] Result<void> commit() override {
        if (!prepared_) {
            return fail(ErrorCode::refused, "no state is prepared");
        }
        auto renamed = folder_.rename(prepared_name, committed_name);
        prepared_ = prepared_ && !renamed;
        return renamed;
    }

    void abandon() override {
        folder_.remove(prepared_name);
        prepared_ = false;
    }

  private:
    [[nodiscard]] Result<std::optional<State>> read(const char* name) const {
        auto text = folder_.read(name);
        if (!text) {
            return std::unexpected(std::move(text.error()));
        }
        if (!*text) {
            return std::optional<State>{};
        }
        auto state = read_record(**text);
        if (!state) {
            return std::unexpected(std::move(state.error()).within(folder_.path_of(name)));
        }
        return std::optional<State>(std::move(*state));
    }

    Folder folder_;
    bool prepared_ = false;
};

} // namespace

std::string digest(std::string_view text) {
    std::uint64_t hash = 0xcbf29ce484222325U;
    for (const char letter : text) {
        hash = (hash ^ static_cast<unsigned char>(letter)) * 0x100000001b3U;
    }
    return fmt::format("{:016x}", hash);
}

Result<std::unique_ptr<Store>> Store::open(const std::filesystem::path& folder) {
    auto owned = Folder::own(folder);
    if (!owned) {
        return std::unexpected(std::move(owned.error()));
    }
    return std::make_unique<FolderStore>(std::move(*owned));
}

} // namespace proxip::store
